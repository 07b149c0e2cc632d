import { judgePackage } from '../package/policy.js';
import type { PolicyInput } from '../package/policy-checks.js';
import type { SelectedPayload } from '../package/select-payloads.js';
import { type CatalogueRefusal, type Refusal, refusalsOf } from './refusal.js';
import type { Cut, Release } from './release.js';
import { deviceAt, own, type Standing } from './standing.js';

/** What is judged by, beside device and release. */
export interface Rules {
  /** Wall-clock time. */
  now: Date;
  noFullFallback?: boolean;
  /** Key ids that may sign releases of the product now. Absent: not known. */
  trustedKeyids?: ReadonlySet<string>;
  /** By digest: does the release verify under the present trust root? Absent: not known. */
  verifies?: ReadonlyMap<string, boolean>;
}

/** How a device would get a release. */
export interface Offer {
  cut: Cut;
  selected: readonly SelectedPayload[];
}

export type OfferVerdict = { offer: Offer } | { refusals: Refusal[] };

/** The smallest cut that a device takes, or why it takes none; of cuts for other bases that is no more than that. */
export function offerTo(standing: Standing, release: Release, rules: Rules): OfferVerdict {
  const withheld = withheldBy(release, rules);
  if (withheld.length > 0) return { refusals: withheld };
  const applicable = applicableCuts(standing, cutNeeds(release));
  const refusals = new Map<string, Refusal>();
  for (const cut of applicable.length > 0 ? applicable : release.cuts) {
    const verdict = judgeCut(standing, release, cut, rules);
    if ('offer' in verdict) return verdict;
    for (const refusal of verdict.refusals) refusals.set(JSON.stringify(refusal), refusal);
  }
  return { refusals: withBasesTogether([...refusals.values()]) };
}

/** A cut by what has to be installed for it. */
export interface CutNeeds {
  readonly cut: Cut;
  /** For each of its components, the images that one has to be of; none: any. */
  readonly needs: readonly { readonly component: string; readonly bases: readonly string[] }[];
}

/** The cuts of a release, the smallest first: to be made once where a release is looked at often. */
export function cutNeeds({ cuts, metadata: { payloads } }: Release): CutNeeds[] {
  return bySize(cuts).map((cut) => {
    const listed = payloads.filter(({ file }) => cut.files.includes(file));
    const byComponent = Map.groupBy(listed, ({ component }) => component);
    const needs = [...byComponent].flatMap(([component, entries]) =>
      entries.some(({ base }) => base === undefined)
        ? []
        : [{ component, bases: entries.flatMap(({ base }) => base?.sha256 ?? []) }],
    );
    return { cut, needs };
  });
}

/** The cuts whose bases are installed, the smallest first: a glance that spares many judgements. */
export function applicableCuts({ state: { components } }: Standing, cuts: readonly CutNeeds[]): Cut[] {
  const isInstalled = ({ component, bases }: CutNeeds['needs'][number]): boolean => {
    const sha256 = own(components, component)?.sha256;
    return sha256 !== undefined && bases.includes(sha256);
  };
  return cuts.filter(({ needs }) => needs.every(isInstalled)).map(({ cut }) => cut);
}

/** As {@link offerTo} of the cuts that apply, where nobody asks why not. */
export function offerOf(cuts: readonly Cut[], standing: Standing, release: Release, rules: Rules): Offer | undefined {
  if (withheldBy(release, rules).length > 0) return undefined;
  for (const cut of cuts) {
    const verdict = judgeCut(standing, release, cut, rules);
    if ('offer' in verdict) return verdict.offer;
  }
  return undefined;
}

/** What keeps the catalogue from offering a release to anybody. */
export function withheldBy(
  { digest, yanked, cuts }: Release,
  { verifies }: Pick<Rules, 'verifies'>,
): CatalogueRefusal[] {
  return [
    ...(yanked ? [{ code: 'YANKED' as const, reason: yanked.reason }] : []),
    ...(verifies?.get(digest) === false ? [{ code: 'SIGNATURE_REFUSED' as const }] : []),
    ...(cuts.length === 0 ? [{ code: 'NO_ARTIFACT' as const }] : []),
  ];
}

export function bySize(cuts: readonly Cut[]): Cut[] {
  return cuts.toSorted((a, b) => a.bytes - b.bytes);
}

/** What policy is told of a release that it is to judge for a device. */
export function policyInput(release: Release, cut: Cut | undefined, rules: Rules): PolicyInput {
  const { now, noFullFallback, trustedKeyids } = rules;
  return {
    name: release.metadata.version,
    digest: release.digest,
    contained: new Set(cut?.files),
    now,
    ...(noFullFallback !== undefined && { noFullFallback }),
    ...(trustedKeyids && { trustedKeyids }),
  };
}

function judgeCut(standing: Standing, release: Release, cut: Cut, rules: Rules): OfferVerdict {
  const { metadata } = release;
  const device = deviceAt(standing, metadata);
  const input = policyInput(release, cut, rules);
  const { checks, selected } = judgePackage(metadata, device, input);
  const failures = checks.flatMap((check) => check.failures);
  if (failures.length === 0) return { offer: { cut, selected } };
  return { refusals: refusalsOf(failures, { metadata, device, kinds: standing.kinds, selected, input }) };
}

/** A device lacks the bases of every cut: one refusal, with all that would do. */
function withBasesTogether(refusals: readonly Refusal[]): Refusal[] {
  const bases = refusals.flatMap((refusal) => (refusal.code === 'BASE_MISMATCH' ? refusal.bases : []));
  const together = [...Map.groupBy(bases, ({ component }) => component).values()].map((same) => ({
    ...same[0]!,
    needed: [...new Set(same.flatMap(({ needed }) => needed))],
  }));
  const first = refusals.findIndex(({ code }) => code === 'BASE_MISMATCH');
  return refusals.flatMap((refusal, index): Refusal[] => {
    if (refusal.code !== 'BASE_MISMATCH') return [refusal];
    return index === first ? [{ code: refusal.code, bases: together }] : [];
  });
}
