import {
  checkCounter,
  checkExpiry,
  checkHardware,
  checkModel,
  checkProduct,
  checkSequence,
} from '../package/policy-checks.js';
import { policyInput, type Rules, withheldBy } from './offer.js';
import { type Refusal, refusalsOf } from './refusal.js';
import { type Release, type ReleaseRef, refOf } from './release.js';
import { deviceAt, type Standing } from './standing.js';

/**
 * Names of a product's channels, from the most careful to the most eager. Whoever follows one is also
 * given what is in those before it: a repair that goes straight to `stable` reaches `nightly` as well.
 */
export type ChannelOrder = readonly string[];

export const DEFAULT_CHANNELS: ChannelOrder = ['stable', 'beta', 'nightly'];

/** The newest release of a channel for a device, and the newer ones that are not for it. */
export interface ChannelHead {
  head?: Release;
  passedOver: { release: ReleaseRef; refusals: Refusal[] }[];
}

/** Those of a channel and of every more careful one; none where there is no such channel. */
export function releasesIn(releases: readonly Release[], channel: string, order: ChannelOrder): Release[] {
  const followed = new Set(order.slice(0, order.indexOf(channel) + 1));
  return releases.filter(({ channels }) => channels.some(({ name }) => followed.has(name)));
}

/**
 * The newest release by sequence that a device may have, by what never changes on the way to it: product, model,
 * revision, sequence, security counter, expiry. Whether and how it gets there is for `upgradePath`.
 *
 * @param releases those of the channel, see {@link releasesIn}
 */
export function channelHead(releases: readonly Release[], standing: Standing, rules: Rules): ChannelHead {
  const passedOver: ChannelHead['passedOver'] = [];
  for (const release of releases.toSorted((a, b) => b.metadata.sequence - a.metadata.sequence)) {
    const refusals = lastingRefusals(release, standing, rules);
    if (refusals.length === 0) return { head: release, passedOver };
    passedOver.push({ release: refOf(release), refusals });
  }
  return { passedOver };
}

/** What keeps a release from a device here and after whatever is installed first: on a way the floors only rise. */
export function lastingRefusals(release: Release, standing: Standing, rules: Rules): Refusal[] {
  const { metadata } = release;
  const device = deviceAt(standing, metadata);
  const input = policyInput(release, undefined, rules);
  const failures = [
    checkProduct(metadata, device, input),
    checkModel(metadata, device, input),
    checkHardware(metadata, device, input),
    checkSequence(metadata, device, input),
    checkCounter(metadata, device, input),
    checkExpiry(metadata, device, input),
  ].flatMap((check) => check.failures);
  return [
    ...withheldBy(release, rules),
    ...refusalsOf(failures, { metadata, device, kinds: standing.kinds, selected: [], input }),
  ];
}
