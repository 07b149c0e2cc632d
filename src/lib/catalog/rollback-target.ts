import type { OtaError } from '../core/errors.js';
import type { DeviceState } from '../package/device-state.js';
import type { Metadata } from '../package/metadata.js';
import {
  checkCounter,
  checkDependencies,
  checkHardware,
  checkModel,
  checkProduct,
  checkRollback,
  type PolicyInput,
} from '../package/policy-checks.js';
import { policyInput, type Rules } from './offer.js';
import { type Refusal, refusalsOf } from './refusal.js';
import type { Release, ReleaseRef } from './release.js';
import { refOf } from './release.js';
import { type ImagesBefore, imagesUnder, type ReturnImage } from './return-images.js';
import { type Storage, storageFor } from './return-storage.js';
import { kindsOf } from './standing.js';

/** One question about a way back. `unknown`: a fact is missing, and the device alone can tell. */
export interface Answer {
  outcome: 'passed' | 'refused' | 'unknown';
  refusals: Refusal[];
}

/** An earlier release, and whether a device can return to it. */
export interface RollbackCandidate {
  release: ReleaseRef;
  /** The catalogue remembers it; of a factory's release, for one, only the device knows more than the version. */
  inCatalogue: boolean;
  /** All questions together: refused where one is, unknown where one is and none is refused. */
  outcome: Answer['outcome'];
  /** Continuity of versions: did the device run it, does what runs let it go back so far, was it not withdrawn? */
  continuity: Answer;
  /** Does it verify under the present trust root? */
  signature: Answer;
  /** Is its security counter at least the stored one? */
  counter: Answer;
  /** Is it for this device, and what it depends on then there? */
  compatibility: Answer;
  /** Are its images still in slots, or can they be fetched, and do they fit? */
  storage: Storage;
}

export interface RollbackRequest {
  device: DeviceState;
  /** All that the catalogue knows of the device's product. */
  releases: readonly Release[];
  rules: Rules;
  /** SHA-256 of the images that are still in slots, by component, beside those that run. Absent: not known. */
  slots?: Readonly<Record<string, readonly string[]>>;
  /** Images of every component when an earlier release ran, by its digest, where somebody has recorded them. */
  recorded?: ImagesBefore;
}

export interface RollbackTarget {
  /** The newest that passes every question. */
  target?: RollbackCandidate;
  /** No newer candidate is unknown: the device cannot choose otherwise. */
  certain: boolean;
  /** Every release below the one that runs, of the device's history and the catalogue; the newest first. */
  candidates: RollbackCandidate[];
}

/**
 * Foretells which release a device returns to on an explicit request: the newest earlier one that it ran, that what
 * runs allows, that still verifies, and whose images are at hand. Sequence and expiry do not count on the way back.
 *
 * @see docs/package-format.md, "Policy"
 */
export function rollbackTarget(request: RollbackRequest): RollbackTarget {
  const candidates = earlier(request).map((candidate) => judgeCandidate(candidate, request));
  const target = candidates.find(({ outcome }) => outcome === 'passed');
  const newer = target === undefined ? candidates : candidates.slice(0, candidates.indexOf(target));
  const certain = newer.every(({ outcome }) => outcome === 'refused');
  return { ...(target && { target }), certain, candidates };
}

interface Earlier {
  ref: ReleaseRef;
  release?: Release;
}

function earlier({ device: { history, running }, releases }: RollbackRequest): Earlier[] {
  const known = new Map(releases.map((release) => [release.digest, release]));
  const all = new Map<string, Earlier>(releases.map((release) => [release.digest, { ref: refOf(release), release }]));
  for (const { digest, version, sequence } of history) {
    // The device's word counts for the sequence: it lowers that of releases whose signers have all left.
    const release = known.get(digest);
    all.set(digest, { ref: { digest, version, sequence }, ...(release && { release }) });
  }
  const below = running?.sequence ?? Number.POSITIVE_INFINITY;
  return [...all.values()]
    .filter(({ ref }) => ref.digest !== running?.digest && ref.sequence < below)
    .sort((a, b) => b.ref.sequence - a.ref.sequence);
}

function judgeCandidate({ ref, release }: Earlier, request: RollbackRequest): RollbackCandidate {
  const answers = release === undefined ? answersUnseen(ref, request) : answersFor(release, request);
  const outcomes = Object.values(answers).map(({ outcome }) => outcome);
  const outcome = outcomes.find((one) => one === 'refused') ?? outcomes.find((one) => one === 'unknown') ?? 'passed';
  return { release: ref, inCatalogue: release !== undefined, outcome, ...answers };
}

type Answers = Pick<RollbackCandidate, 'continuity' | 'signature' | 'counter' | 'compatibility' | 'storage'>;

const UNKNOWN: Answer = { outcome: 'unknown', refusals: [] };

function answersFor(release: Release, { device, releases, rules, slots, recorded }: RollbackRequest): Answers {
  const { metadata, digest, yanked } = release;
  const input: PolicyInput = { ...policyInput(release, undefined, rules), intent: 'rollback' };
  const answer = (failures: readonly OtaError[], state: DeviceState = device): Answer =>
    answered(refusalsOf(failures, { metadata, device: state, kinds: kindsOf(state), selected: [], input }));
  const images = imagesUnder(release, { device, releases, recorded });
  const after = images && withImages(device, images);
  const isForIt = [checkProduct, checkModel, checkHardware].flatMap((check) => check(metadata, device, input).failures);
  const continuity = answer(checkRollback(metadata, device, input).failures);
  return {
    continuity: answered([
      ...continuity.refusals,
      ...(yanked ? [{ code: 'YANKED' as const, reason: yanked.reason }] : []),
    ]),
    signature: signatureAnswer(digest, rules),
    counter: answer(checkCounter(metadata, device, input).failures),
    compatibility:
      after === undefined && isForIt.length === 0
        ? UNKNOWN
        : answer([...isForIt, ...(after ? checkDependencies(metadata, after, input).failures : [])], after),
    storage: storageFor(release, images, { device, input, slots }),
  };
}

/** What can be said of a release that only the device knows. */
function answersUnseen({ digest, version }: ReleaseRef, { device, rules }: RollbackRequest): Answers {
  const input: PolicyInput = { name: version, digest, contained: new Set(), now: rules.now, intent: 'rollback' };
  // The question is about version and digest alone.
  const metadata = { version } as Metadata;
  const { failures } = checkRollback(metadata, device, input);
  return {
    continuity: answered(refusalsOf(failures, { metadata, device, kinds: {}, selected: [], input })),
    signature: signatureAnswer(digest, rules),
    counter: UNKNOWN,
    compatibility: UNKNOWN,
    storage: { outcome: 'unknown', refusals: [], kept: [], fetched: [] },
  };
}

function signatureAnswer(digest: string, { verifies }: Rules): Answer {
  const verdict = verifies?.get(digest);
  return verdict === undefined ? UNKNOWN : answered(verdict ? [] : [{ code: 'SIGNATURE_REFUSED' }]);
}

function answered(refusals: Refusal[]): Answer {
  return { outcome: refusals.length === 0 ? 'passed' : 'refused', refusals };
}

/** As the device would be after it: also components that the release does not bring return to what they were. */
function withImages(device: DeviceState, images: ReadonlyMap<string, ReturnImage>): DeviceState {
  const after = [...images].map(([component, { version, sha256 }]) => {
    return [component, { ...device.components[component], version, sha256 }] as const;
  });
  return { ...device, components: { ...device.components, ...Object.fromEntries(after) } };
}
