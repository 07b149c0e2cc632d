import { sha256Hex } from '../core/sha256.js';
import { MAX_RELEASES } from '../device/boot-control-schema.js';
import type { AuthenticPackage } from '../package/authenticate.js';
import type { DeviceState } from '../package/device-state.js';
import { type Metadata, targetsOf } from '../package/metadata.js';
import { floorsLapsed } from '../package/policy-checks.js';
import type { ProfileVersion } from './profile.js';

/** What a slot holds that nothing was ever written to. */
export const EMPTY_SHA256 = sha256Hex(new Uint8Array());

/**
 * All that a device has installed. Never changed: thousands of devices that went the same way share one, and
 * {@link afterPackage} gives each of them the same next one.
 */
export interface Installed {
  readonly version: string;
  readonly components: DeviceState['components'];
  /** By digest, of all releases that it remembers: what each component was, also those that the release did not bring. */
  readonly releases: ReadonlyMap<string, DeviceState['components']>;
  /** SHA-256 by component of the image in its other slot; a slot that was never written to is not listed. */
  readonly spares: ReadonlyMap<string, string>;
  readonly running: DeviceState['running'];
  readonly history: DeviceState['history'];
  readonly securityCounter: number;
}

/** @param images SHA-256 by component of the images that the profile names; the other components are empty slots */
export function factoryInstalled(
  { version, sequence, securityCounter }: Pick<ProfileVersion, 'sequence' | 'securityCounter'> & { version: string },
  components: readonly string[],
  images: ReadonlyMap<string, string>,
): Installed {
  const names = new Set([...components, ...images.keys()]);
  const digest = sha256Hex(Buffer.from(`factory release ${version}`));
  const all = Object.fromEntries(
    [...names].map((name) => [name, { version, sha256: images.get(name) ?? EMPTY_SHA256 }]),
  );
  return {
    version,
    components: all,
    releases: new Map(sequence === undefined ? [] : [[digest, all]]),
    spares: new Map(),
    running: sequence === undefined ? undefined : { digest, version, sequence },
    history: [],
    securityCounter,
  };
}

/** As a package has it that the device came with: one that it can go back to. */
export function factoryRelease(release: Release, components: readonly string[]): Installed {
  const { version, securityCounter } = release.metadata;
  const empty = factoryInstalled({ version, securityCounter }, components, new Map());
  const all = { ...empty.components, ...imagesOf(release) };
  return { ...empty, components: all, releases: new Map([[release.digest, all]]), running: runningOf(release) };
}

/** A package, by what a device keeps of it. */
export type Release = Pick<AuthenticPackage, 'digest' | 'metadata'> & {
  /** Absent: nobody has asked who may sign. */
  trustedKeyids?: ReadonlySet<string> | undefined;
};

const next = new WeakMap<Installed, Map<string, Installed>>();

/**
 * What a device has after it installed a package, or went back to it, confirmed: the release that ran is history, and
 * the one that runs is not.
 *
 * @param images what components become; by default what the package brings
 */
export function afterPackage(
  installed: Installed,
  release: Release,
  images: DeviceState['components'] = imagesOf(release),
): Installed {
  const { digest, metadata } = release;
  return remembered(installed, digest, () => {
    const { running, components } = installed;
    const lapsed = floorsLapsed(running, release);
    // As `confirm` of device/boot-machine: floors that were set to their maximum are gone for good.
    const highest = lapsed ? Math.max(0, metadata.sequence - 1) : Number.POSITIVE_INFINITY;
    const history = [...installed.history, ...(running === undefined ? [] : [running])]
      .filter((ran) => ran.digest !== digest)
      .map(({ digest, version, sequence }) => ({ digest, version, sequence: Math.min(sequence, highest) }));
    const kept = history.slice(1 - MAX_RELEASES);
    const all = { ...components, ...images };
    const known = kept.flatMap((ran) => {
      const then = installed.releases.get(ran.digest);
      return then === undefined ? [] : [[ran.digest, then] as const];
    });
    const replaced = Object.entries(components).filter(
      ([name, { sha256 }]) => Object.hasOwn(images, name) && images[name]!.sha256 !== sha256 && sha256 !== EMPTY_SHA256,
    );
    return {
      version: metadata.version,
      components: all,
      releases: new Map([...known, [digest, all]]),
      spares: new Map([...installed.spares, ...replaced.map(([name, { sha256 }]) => [name, sha256] as const)]),
      running: runningOf(release),
      history: kept,
      securityCounter: lapsed
        ? metadata.securityCounter
        : Math.max(installed.securityCounter, metadata.securityCounter),
    };
  });
}

export function imagesOf({ metadata }: { metadata: Metadata }): DeviceState['components'] {
  return Object.fromEntries(
    [...targetsOf(metadata)].map(([name, { version, sha256 }]) => [name, { version, sha256 }] as const),
  );
}

function runningOf({ digest, metadata, trustedKeyids }: Release): NonNullable<DeviceState['running']> {
  const { version, sequence, rollback } = metadata;
  return {
    digest,
    version,
    sequence,
    ...(trustedKeyids && { releaseKeyids: [...trustedKeyids] }),
    ...(rollback && { rollback }),
  };
}

/** What a device has after it installed something of a format that is not ours: its name is all that is known. */
export function afterForeign(installed: Installed, version: string): Installed {
  return remembered(installed, `foreign ${version}`, () => ({ ...installed, version }));
}

function remembered(installed: Installed, key: string, make: () => Installed): Installed {
  const known = next.get(installed) ?? new Map<string, Installed>();
  next.set(installed, known);
  const made = known.get(key) ?? make();
  known.set(key, made);
  return made;
}
