import { targetsOf } from '../package/metadata.js';
import {
  type ChannelHead,
  type ChannelOrder,
  channelHead,
  DEFAULT_CHANNELS,
  lastingRefusals,
  releasesIn,
} from './channel.js';
import { type Obstacle, obstaclesTo } from './obstacles.js';
import { offerTo, type Rules } from './offer.js';
import type { CatalogueRefusal, Refusal } from './refusal.js';
import { type Release, type ReleaseRef, refOf } from './release.js';
import { cheapestWay, type Reached, stepsTo } from './search.js';
import {
  type DeviceFacts,
  type DeviceKinds,
  findRelease,
  newest,
  type Origin,
  type Standing,
  standingAfter,
  standingAt,
} from './standing.js';
import { steppingStones, stonesTo } from './stepping-stones.js';

/** Where a way leads: to a release, or to the newest of a channel for this device. */
export type Destination = { version: string } | { digest: string } | { channel: string };

export interface UpgradeRequest extends Rules {
  /** All releases of one product. */
  releases: readonly Release[];
  from: Origin;
  to: Destination;
  /** What is known of the device; it goes before what its origin lets suppose. */
  device?: DeviceFacts;
  /** Absent: {@link DEFAULT_CHANNELS}. */
  channels?: ChannelOrder;
  /**
   * What one step costs beside its download, bytes: another installation, restart and confirmation.
   * Absent: a quarter of the target's images, so that a detour must save more than that for every step it adds.
   */
  stepBytes?: number;
  /** Work that may be spent; beyond it the outcome is `undecided`. Absent: about a second of it. */
  maxJudgements?: number;
}

/** Why a step is taken. */
export type StepReason =
  | { kind: 'target' }
  /** Without it a later release would be refused. */
  | { kind: 'required'; for: ReleaseRef; refusals: Refusal[] }
  /** It could be left out; the downloads after it would then have so many bytes more. */
  | { kind: 'cheaper'; savedBytes: number };

/** One installation on the way. */
export interface UpgradeStep {
  release: ReleaseRef;
  /** Label of the cut that the device fetches. */
  cut: string;
  /** `mixed`: some components by delta, others in full. */
  kind: 'delta' | 'full' | 'mixed';
  /** There are deltas, and none applies to what is installed then. */
  fullFallback: boolean;
  downloadBytes: number;
  /** Most memory that a patch of it takes. */
  applyMemoryBytes: number;
  /** Room that patches need beside the slots. */
  storageBytes: number;
  payloads: { component: string; file: string; bytes: number; targetSha256: string; baseSha256?: string }[];
  reason: StepReason;
}

/** A way, or why there is none. */
export type UpgradePath =
  | {
      outcome: 'found';
      from?: { digest: string; version: string };
      to: ReleaseRef;
      /** Empty: it runs already. */
      steps: UpgradeStep[];
      downloadBytes: number;
      /** Devices that can go this way. */
      kinds: DeviceKinds;
    }
  /** `undecided`: not every way was tried, there are too many. */
  | { outcome: 'blocked' | 'undecided'; to: ReleaseRef; obstacles: Obstacle[] }
  /** No release of the channel is for this device, or none above what it runs. */
  | { outcome: 'no-head'; channel: string; passedOver: ChannelHead['passedOver'] }
  | { outcome: 'unknown-channel'; channel: string }
  | { outcome: 'unknown'; which: 'from' | 'to' }
  /** A version that names several releases: say which by digest. */
  | { outcome: 'ambiguous'; which: 'from' | 'to'; releases: ReleaseRef[] };

/**
 * The way of a device to a release, each step of which policy allows.
 *
 * The rule: fewest downloaded bytes, where each step after the first counts `stepBytes` more; of equals, fewest steps.
 * On the way to a channel's head only releases of that channel are installed.
 */
export function upgradePath(request: UpgradeRequest): UpgradePath {
  const { releases, from, to, device = {}, channels = DEFAULT_CHANNELS, stepBytes, maxJudgements, ...rules } = request;
  if ('channel' in to && !channels.includes(to.channel)) return { outcome: 'unknown-channel', channel: to.channel };
  const product = newest(releases)?.metadata.product ?? '';
  const origin = standingAt(from, device, { releases, product });
  if (!('found' in origin)) return unnamed(origin, 'from');
  const search = { releases, rules, stepBytes, maxJudgements };
  if ('channel' in to) {
    const members = releasesIn(releases, to.channel, channels);
    const { head, passedOver } = channelHead(members, origin.found, rules);
    if (head === undefined) return { outcome: 'no-head', channel: to.channel, passedOver };
    return pathTo(head, origin.found, { ...search, members, channel: to.channel });
  }
  const target = findRelease(releases, to, origin.found.kinds);
  if (!('found' in target)) return unnamed(target, 'to');
  return pathTo(target.found, origin.found, { ...search, members: releases });
}

interface PathSearch {
  releases: readonly Release[];
  /** What may be installed on the way. */
  members: readonly Release[];
  /** Whose members they are. */
  channel?: string;
  stepBytes: number | undefined;
  maxJudgements: number | undefined;
  rules: Rules;
}

function pathTo(target: Release, origin: Standing, search: PathSearch): UpgradePath {
  const { releases, members, channel, stepBytes = defaultStepBytes(target), maxJudgements, rules } = search;
  const inside = new Set(members);
  const stonesBefore = steppingStones(releases);
  const candidates = stonesTo(target, (release) => stonesBefore(release).filter((stone) => inside.has(stone))).filter(
    (stone) => lastingRefusals(stone, origin, rules).length === 0,
  );
  const { end, visited, gaveUp } = cheapestWay(origin, { target, candidates, stepBytes, maxJudgements, rules });
  if (end !== undefined) return foundPath(target, origin, end, rules);
  const excluded = (release: Release): CatalogueRefusal[] =>
    channel === undefined || inside.has(release) ? [] : [{ code: 'OUTSIDE_CHANNEL', channel }];
  const obstacles = obstaclesTo(target, { visited, stonesBefore, excluded, rules });
  return { outcome: gaveUp ? 'undecided' : 'blocked', to: refOf(target), obstacles };
}

function foundPath(target: Release, { state: { running } }: Standing, end: Reached, rules: Rules): UpgradePath {
  const taken = stepsTo(end);
  const steps = taken.map((_, index) => stepOf(taken, index, rules));
  return {
    outcome: 'found',
    ...(running && { from: { digest: running.digest, version: running.version } }),
    to: refOf(target),
    steps,
    downloadBytes: steps.reduce((sum, step) => sum + step.downloadBytes, 0),
    kinds: end.standing.kinds,
  };
}

type Taken = readonly NonNullable<Reached['step']>[];

function stepOf(taken: Taken, index: number, rules: Rules): UpgradeStep {
  const { release, offer } = taken[index]!;
  const { cut, selected } = offer;
  const deltas = selected.filter(({ entry }) => entry.base !== undefined).length;
  return {
    release: refOf(release),
    cut: cut.label,
    kind: deltas === selected.length ? 'delta' : deltas === 0 ? 'full' : 'mixed',
    fullFallback: selected.some(({ fullFallback }) => fullFallback),
    downloadBytes: cut.bytes,
    applyMemoryBytes: Math.max(...selected.map(({ entry }) => entry.applyMemoryBytes)),
    storageBytes: selected.reduce((sum, { entry }) => sum + entry.storageBytes, 0),
    payloads: selected.map(({ entry: { component, file, size, base, target } }) => ({
      component,
      file,
      bytes: size,
      targetSha256: target.sha256,
      ...(base && { baseSha256: base.sha256 }),
    })),
    reason: reasonFor(taken, index, rules),
  };
}

/** Goes the rest of the way without this step, to see where that fails or what it costs. */
function reasonFor(taken: Taken, index: number, rules: Rules): StepReason {
  const rest = taken.slice(index + 1);
  if (rest.length === 0) return { kind: 'target' };
  let { standing } = taken[index]!.from;
  let bytes = 0;
  for (const { release } of rest) {
    const verdict = offerTo(standing, release, rules);
    if ('refusals' in verdict) return { kind: 'required', for: refOf(release), refusals: verdict.refusals };
    bytes += verdict.offer.cut.bytes;
    standing = standingAfter(standing, release, rules.trustedKeyids);
  }
  return { kind: 'cheaper', savedBytes: bytes - bytesOf(taken.slice(index)) };
}

function bytesOf(taken: Taken): number {
  return taken.reduce((sum, { offer }) => sum + offer.cut.bytes, 0);
}

function defaultStepBytes({ metadata }: Release): number {
  const imageBytes = [...targetsOf(metadata).values()].reduce((sum, { size }) => sum + size, 0);
  return Math.ceil(imageBytes / 4);
}

function unnamed(
  missing: { none: 'unknown' } | { none: 'ambiguous'; releases: ReleaseRef[] },
  which: 'from' | 'to',
): UpgradePath {
  return missing.none === 'unknown'
    ? { outcome: 'unknown', which }
    : { outcome: 'ambiguous', which, releases: missing.releases };
}
