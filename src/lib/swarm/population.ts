import { chanceOf, weighted } from './chance.js';
import { type Conduct, DEFAULT_SLEEP_MS } from './decide.js';
import type { VirtualDevice } from './device.js';
import type { Installed } from './installed.js';
import type { ProfileVersion } from './profile.js';

/** `sim-00042`: as many digits for all devices of a swarm, so that lists sort well. */
export function deviceIds(count: number, prefix: string): string[] {
  const digits = Math.max(4, String(count).length);
  return Array.from({ length: count }, (_, index) => `${prefix}${String(index + 1).padStart(digits, '0')}`);
}

/** Devices as they come from the factory: what each of them is, is decided by its name. */
export function population(
  ids: readonly string[],
  { profile, seed }: Conduct,
  factory: ReadonlyMap<ProfileVersion, Installed>,
): VirtualDevice[] {
  return ids.map((id, index) => {
    const { model, hardwareRevision } = weighted(profile.models, chanceOf(seed, id, 'model'));
    const version = weighted(profile.versions, chanceOf(seed, id, 'version'));
    return {
      index,
      id,
      model,
      hardwareRevision,
      installed: factory.get(version)!,
      phase: 'idle',
      contact: 'none',
      action: undefined,
      closed: undefined,
      declined: undefined,
      links: undefined,
      // As a device does when it starts: the server may remember what it ran in another life.
      hasNews: true,
      sleepMs: DEFAULT_SLEEP_MS,
      polls: 0,
      failures: 0,
      attempts: {},
    };
  });
}
