import type { DeviceState } from '../package/device-state.js';
import { targetsOf } from '../package/metadata.js';
import type { Release } from './release.js';
import { own, versionOf } from './standing.js';

/** SHA-256 of images by component, for each digest of a release. */
export type ImagesBefore = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** What a component becomes on the way back. */
export interface ReturnImage {
  sha256: string;
  version?: string;
}

/**
 * The images of every component of a device when an earlier release ran: what the release brought, and of the others
 * what was recorded then, or what is installed now where no release since could have changed it.
 *
 * @returns undefined where that cannot be told
 */
export function imagesUnder(
  release: Release,
  {
    device,
    releases,
    recorded,
  }: { device: DeviceState; releases: readonly Release[]; recorded: ImagesBefore | undefined },
): ReadonlyMap<string, ReturnImage> | undefined {
  const images = new Map<string, ReturnImage>();
  const brought = targetsOf(release.metadata);
  const then = recorded?.get(release.digest);
  const others = new Map(releases.map(({ digest, metadata }) => [digest, targetsOf(metadata)]));
  const ran = [...device.history, ...(device.running ? [device.running] : [])].map(({ digest }) => others.get(digest));
  for (const [component, present] of Object.entries(device.components)) {
    const target = brought.get(component);
    const sha256 = target?.sha256 ?? own(then ?? {}, component);
    if (target !== undefined) images.set(component, { sha256: target.sha256, version: target.version });
    else if (sha256 !== undefined) images.set(component, { sha256, version: versionOf(releases, component, sha256) });
    else if (ran.every((targets) => targets !== undefined && !targets.has(component))) {
      images.set(component, { sha256: present.sha256, version: present.version });
    } else return undefined;
  }
  return images;
}
