import { hash } from 'node:crypto';
import { enterChannel, publishedRelease, type Release } from '../../src/lib/catalog/release.js';
import { memoryAccess } from '../../src/lib/core/file-access.js';
import type { DeviceState } from '../../src/lib/package/device-state.js';
import { checkMetadata, type Metadata, type PayloadEntry, payloadFileName } from '../../src/lib/package/metadata.js';
import { releaseMetadata } from './packages.js';

/** How one component is brought to a version. */
export interface Brought {
  version: string;
  /** Size of the full image. */
  imageBytes?: number;
  full?: boolean;
  /** Size of the delta, by the version it applies to. */
  from?: Readonly<Record<string, number>>;
}

/** A release that was published with all its payloads; `1.2.0` has sequence 120. */
export function published(
  version: string,
  components: Readonly<Record<string, Omit<Brought, 'version'> & { version?: string }>>,
  changes: Partial<Metadata> & { channels?: readonly string[] } = {},
): Release {
  const { channels = [], ...fields } = changes;
  const payloads = Object.entries(components).flatMap(([name, brought]) => payloadsOf(name, { version, ...brought }));
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  const sequence = major * 100 + minor * 10 + patch;
  const metadata = checkMetadata(releaseMetadata(payloads, { version, sequence, ...fields }), version);
  const release = publishedRelease(
    {
      name: `${version}.ota`,
      digest: hash('sha256', JSON.stringify(metadata)),
      metadata,
      signatures: { role: 'release:meter', threshold: 1, keyids: [], ignored: [] },
      trustedKeyids: new Set(),
      payloads: payloads.map((entry) => ({ entry, data: memoryAccess(Buffer.alloc(0), entry.file) })),
    },
    payloads.reduce((sum, { size }) => sum + size, 0),
  );
  return channels.reduce((entered, channel) => enterChannel(entered, channel, 0), release);
}

/** SHA-256 of the image that a component has in a version. */
export function imageSha256(component: string, version: string): string {
  return hash('sha256', `${component} ${version}`);
}

/** A device on which releases are installed, the last of them running. */
export function deviceOn(releases: readonly Release[], changes: Partial<DeviceState> = {}): DeviceState {
  const ids = releases.map(({ digest, metadata: { version, sequence, rollback } }) => ({
    id: { digest, version, sequence },
    rollback,
  }));
  const last = ids.at(-1);
  const images = releases.flatMap(({ metadata: { payloads } }) =>
    payloads.map(({ component, target: { version, sha256 } }) => [component, { version, sha256 }] as const),
  );
  return {
    spec: 'ota-fleet-device/1',
    product: 'meter',
    model: 'M100',
    components: Object.fromEntries(images),
    ...(last && { running: { ...last.id, ...(last.rollback && { rollback: last.rollback }) } }),
    history: ids.slice(0, -1).map(({ id }) => id),
    securityCounter: Math.max(0, ...releases.map(({ metadata }) => metadata.securityCounter)),
    ...changes,
  };
}

function payloadsOf(component: string, { version, imageBytes = 1000, full, from = {} }: Brought): PayloadEntry[] {
  const target = { version, size: imageBytes, sha256: imageSha256(component, version) };
  const entry = (part: Pick<PayloadEntry, 'format' | 'size' | 'sha256' | 'storageBytes'> & Partial<PayloadEntry>) => {
    const chunkSha256 = Array.from({ length: Math.ceil(part.size / 4096) }, () => part.sha256);
    const file = payloadFileName({ component, ...part });
    return { component, file, chunkBytes: 4096, chunkSha256, target, applyMemoryBytes: 4096, ...part };
  };
  const deltas = Object.entries(from).map(([base, size]) =>
    entry({
      format: 'bsdf2',
      size,
      sha256: hash('sha256', `${component} ${base} to ${version}`),
      storageBytes: size,
      base: { version: base, size: 1000, sha256: imageSha256(component, base) },
      applyMemoryBytes: 9000,
    }),
  );
  const whole = full === true || deltas.length === 0;
  return [
    ...deltas,
    ...(whole ? [entry({ format: 'full', size: imageBytes, sha256: target.sha256, storageBytes: 0 })] : []),
  ];
}
