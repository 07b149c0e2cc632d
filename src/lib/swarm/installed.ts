import { sha256Hex } from '../core/sha256.js';
import type { AuthenticPackage } from '../package/authenticate.js';
import type { DeviceState } from '../package/device-state.js';
import { targetsOf } from '../package/metadata.js';
import type { ProfileVersion } from './profile.js';

/** What a slot holds that nothing was ever written to. */
export const EMPTY_SHA256 = sha256Hex(new Uint8Array());
const MAX_HISTORY = 16;

/**
 * All that a device has installed. Never changed: thousands of devices that went the same way share one, and
 * {@link afterPackage} gives each of them the same next one.
 */
export interface Installed {
  readonly version: string;
  readonly components: DeviceState['components'];
  readonly running: DeviceState['running'];
  readonly history: DeviceState['history'];
  readonly securityCounter: number;
}

/** @param images SHA-256 by component of the images that the profile names; the other components are empty slots */
export function factoryInstalled(
  { version, sequence, securityCounter }: ProfileVersion,
  components: readonly string[],
  images: ReadonlyMap<string, string>,
): Installed {
  const names = new Set([...components, ...images.keys()]);
  const digest = sha256Hex(Buffer.from(`factory release ${version}`));
  return {
    version,
    components: Object.fromEntries(
      [...names].map((name) => [name, { version, sha256: images.get(name) ?? EMPTY_SHA256 }]),
    ),
    running: sequence === undefined ? undefined : { digest, version, sequence },
    history: [],
    securityCounter,
  };
}

const next = new WeakMap<Installed, Map<string, Installed>>();

/** What a device has after it installed a package, confirmed. */
export function afterPackage(installed: Installed, { metadata, digest, trustedKeyids }: AuthenticPackage): Installed {
  return remembered(installed, digest, () => {
    const { version, sequence, rollback } = metadata;
    const { running, history } = installed;
    const targets = [...targetsOf(metadata)].map(([name, target]) => {
      return [name, { version: target.version, sha256: target.sha256 }] as const;
    });
    return {
      version,
      components: { ...installed.components, ...Object.fromEntries(targets) },
      running: { digest, version, sequence, releaseKeyids: [...trustedKeyids], ...(rollback && { rollback }) },
      history: running === undefined ? history : [...history, releaseOf(running)].slice(-MAX_HISTORY),
      securityCounter: Math.max(installed.securityCounter, metadata.securityCounter),
    };
  });
}

/** What a device has after it installed something of a format that is not ours: its name is all that is known. */
export function afterForeign(installed: Installed, version: string): Installed {
  return remembered(installed, `foreign ${version}`, () => ({ ...installed, version }));
}

function releaseOf({ digest, version, sequence }: NonNullable<DeviceState['running']>): DeviceState['history'][number] {
  return { digest, version, sequence };
}

function remembered(installed: Installed, key: string, make: () => Installed): Installed {
  const known = next.get(installed) ?? new Map<string, Installed>();
  next.set(installed, known);
  const made = known.get(key) ?? make();
  known.set(key, made);
  return made;
}
