import { hash } from 'node:crypto';
import { allot } from './allot.js';

/** A device that is to get the update. */
export interface Candidate {
  readonly id: string;
  /** Its place among the cohorts. */
  readonly cohort: number;
  /** What it is spread by: its model, its region. */
  readonly labels: readonly string[];
  /** Goes before others wherever it was not said who. */
  readonly isCanary: boolean;
}

/** Which devices a stage has; see `StageChoice`. */
export type StageMembers =
  | { readonly kind: 'percent'; readonly upTo: number }
  | { readonly kind: 'count'; readonly devices: number }
  | { readonly kind: 'listed'; readonly ids: ReadonlySet<string> };

export interface Placement {
  /** For each stage, in the order in which its devices are given the update. A stage may have none. */
  readonly stages: readonly (readonly Candidate[])[];
  /** Those that no stage has. */
  readonly rest: readonly Candidate[];
}

/**
 * Puts devices into stages. Whoever is listed for one goes there; shares and numbers are filled with the others, canaries
 * first, then a proportional choice from each combination of labels. The same seed and devices make the same stages, in
 * whatever order the devices came.
 */
export function placeDevices(
  candidates: readonly Candidate[],
  wanted: readonly StageMembers[],
  seed: number,
): Placement {
  const ranked = byRank(candidates, seed);
  const stages: Candidate[][] = wanted.map(() => []);
  const pool = takeListed(ranked, wanted, stages);
  const canaries = new Queue(pool.filter(({ isCanary }) => isCanary));
  const strata = strataOf(
    pool.filter(({ isCanary }) => !isCanary),
    seed,
  );
  const place = new Map(ranked.map((candidate, at) => [candidate, at]));
  let placed = 0;
  for (const [at, members] of wanted.entries()) {
    if (members.kind !== 'listed') {
      const size = members.kind === 'count' ? members.devices : shareOf(members.upTo, candidates.length) - placed;
      const first = canaries.take(size);
      const shares = allot(
        Math.max(0, size - first.length),
        strata.map((stratum) => stratum.left),
      );
      const others = strata.flatMap((stratum, index) => stratum.take(shares[index]!));
      others.sort((a, b) => place.get(a)! - place.get(b)!);
      stages[at] = [...first, ...others];
    }
    placed += stages[at]!.length;
  }
  const rest = [canaries, ...strata].flatMap((queue) => queue.take(queue.left));
  return { stages, rest };
}

/** Rounded up: a share of something is never nothing. 7 % of 100 must not be 8 for a bit in the last place. */
function shareOf(percent: number, devices: number): number {
  return Math.ceil((percent * devices) / 100 - 1e-9);
}

/** The stage that is first to list a device has it. */
function takeListed(
  ranked: readonly Candidate[],
  wanted: readonly StageMembers[],
  stages: readonly Candidate[][],
): readonly Candidate[] {
  const lists = wanted.flatMap((members, at) => (members.kind === 'listed' ? [{ at, ids: members.ids }] : []));
  if (lists.length === 0) return ranked;
  return ranked.filter((candidate) => {
    const list = lists.find(({ ids }) => ids.has(candidate.id));
    if (list !== undefined) stages[list.at]!.push(candidate);
    return list === undefined;
  });
}

function byRank(candidates: readonly Candidate[], seed: number): Candidate[] {
  return candidates
    .map((candidate) => ({ candidate, rank: rankOf(candidate.id, seed) }))
    .sort((a, b) => a.rank - b.rank || (a.candidate.id < b.candidate.id ? -1 : 1))
    .map(({ candidate }) => candidate);
}

/** A number of 48 bits that depends on nothing but the two: a device that comes or goes moves no other. */
function rankOf(text: string, seed: number): number {
  return Number.parseInt(hash('sha256', `${seed}\n${text}`).slice(0, 12), 16);
}

/** In an order that the seed gives, so that no name is always the one that gets less. */
function strataOf(candidates: readonly Candidate[], seed: number): Queue[] {
  const groups = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const key = candidate.labels.length === 1 ? candidate.labels[0]! : JSON.stringify(candidate.labels);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [candidate]);
    else group.push(candidate);
  }
  return [...groups]
    .map(([key, group]) => ({ rank: rankOf(key, seed), group }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ group }) => new Queue(group));
}

class Queue {
  readonly #items: readonly Candidate[];
  #taken = 0;

  constructor(items: readonly Candidate[]) {
    this.#items = items;
  }

  get left(): number {
    return this.#items.length - this.#taken;
  }

  take(count: number): readonly Candidate[] {
    const taken = this.#items.slice(this.#taken, this.#taken + Math.max(0, count));
    this.#taken += taken.length;
    return taken;
  }
}
