import type { Metadata } from '../package/metadata.js';
import type { ReleaseRecord } from './boot-control.js';
import { own } from './boot-facts.js';

/** What a component is when a release runs. */
export interface ReleasedComponent {
  version: string;
  sha256: string;
}

/**
 * What a device keeps of a release.
 *
 * @param components   every component of the device, also those that the package does not bring
 * @param releaseKeyids who may sign releases of the product now; absent where nobody has signed
 */
export function releaseRecord(
  { version, sequence, securityCounter, createdAt, rollback }: Metadata,
  digest: string,
  components: ReadonlyMap<string, ReleasedComponent>,
  releaseKeyids?: Iterable<string>,
): ReleaseRecord {
  const others = [...components].filter(([, component]) => component.version !== version);
  return {
    digest,
    version,
    sequence,
    securityCounter,
    images: Object.fromEntries([...components].map(([name, { sha256 }]) => [name, sha256])),
    ...(others.length > 0 && { versions: Object.fromEntries(others.map(([name, other]) => [name, other.version])) }),
    ...(createdAt !== undefined && { createdAt }),
    ...(rollback !== undefined && { rollback }),
    ...(releaseKeyids !== undefined && { releaseKeyids: [...releaseKeyids].sort() }),
  };
}

/** The version that a component has when this release runs: its image may have come with an earlier one. */
export function componentVersion(record: ReleaseRecord, component: string): string {
  return own(record.versions ?? {}, component) ?? record.version;
}
