import { between, chanceOf } from './chance.js';
import type { FailureShares, SwarmProfile } from './profile.js';

/** How an update ends; `success` where nothing is to go wrong. */
export type Ending = keyof Required<FailureShares> | 'success';

/** What becomes of one attempt of one device to install one version. */
export interface UpdateFate {
  ending: Ending;
  /** Where a download ends or is cut, from 0 to 1 of its size. */
  downloadShare: number;
  isCut: boolean;
  /** Absent: as fast as it goes. */
  bytesPerSecond?: number;
  rebootMs: number;
}

/** What a device is to the overrides of a profile. */
export interface Kind {
  model: string;
  hardwareRevision?: string | undefined;
}

const ENDINGS = ['rejected', 'download', 'verification', 'boot', 'confirm', 'stuck'] as const;

/**
 * Pure: the same seed, device, version and attempt give the same fate, whenever the update comes.
 *
 * @param attempt of this device to install this version, from 1
 */
export function updateFate(
  { profile, seed }: { profile: SwarmProfile; seed: number },
  device: Kind & { id: string },
  version: string,
  attempt: number,
): UpdateFate {
  const chance = (what: string) => chanceOf(seed, device.id, what, version, attempt);
  const { bytesPerSecond, cut } = profile.download;
  return {
    ending: endingOf(failureShares(profile, device, version), chance('ending')),
    downloadShare: chance('where'),
    isCut: chance('cut') < cut,
    ...(bytesPerSecond !== undefined && { bytesPerSecond: between(bytesPerSecond, chance('rate')) }),
    rebootMs: 1000 * between(profile.rebootSeconds, chance('reboot')),
  };
}

/** Share of telemetry messages of this kind of device that tell of an error while it runs this version. */
export function errorShare(profile: SwarmProfile, kind: Kind, version: string): number {
  let share = profile.telemetry.errors;
  for (const override of overridesFor(profile, kind, version)) share = override.errors ?? share;
  return share;
}

function failureShares(profile: SwarmProfile, kind: Kind, version: string): FailureShares {
  let shares = profile.failures;
  for (const { fail, failures } of overridesFor(profile, kind, version)) {
    shares = { ...shares, ...(fail !== undefined && { boot: fail }), ...failures };
  }
  return shares;
}

function overridesFor({ overrides }: SwarmProfile, kind: Kind, version: string): SwarmProfile['overrides'] {
  return overrides.filter(
    (override) =>
      (override.version ?? version) === version &&
      (override.model ?? kind.model) === kind.model &&
      (override.hardwareRevision === undefined || override.hardwareRevision === kind.hardwareRevision),
  );
}

function endingOf(shares: FailureShares, chance: number): Ending {
  let below = 0;
  for (const ending of ENDINGS) {
    below += shares[ending] ?? 0;
    if (chance < below) return ending;
  }
  return 'success';
}
