import { allot } from './allot.js';
import { seededRank } from './seeded-rank.js';

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
  const canaries = new Queue(pool.filter(({ candidate }) => candidate.isCanary));
  const strata = strataOf(
    pool.filter(({ candidate }) => !candidate.isCanary),
    seed,
  );
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
      stages[at] = [...first, ...others.sort(byPlace)].map(({ candidate }) => candidate);
    }
    placed += stages[at]!.length;
  }
  const rest = [canaries, ...strata].flatMap((queue) => queue.take(queue.left)).map(({ candidate }) => candidate);
  return { stages, rest };
}

/** Rounded up: a share of something is never nothing. 7 % of 100 must not be 8 for a bit in the last place. */
function shareOf(percent: number, devices: number): number {
  return Math.ceil((percent * devices) / 100 - 1e-9);
}

/** The stage that is first to list a device has it. */
function takeListed(
  ranked: readonly Ranked[],
  wanted: readonly StageMembers[],
  stages: readonly Candidate[][],
): readonly Ranked[] {
  const lists = wanted.flatMap((members, at) => (members.kind === 'listed' ? [{ at, ids: members.ids }] : []));
  if (lists.length === 0) return ranked;
  return ranked.filter(({ candidate }) => {
    const list = lists.find(({ ids }) => ids.has(candidate.id));
    if (list !== undefined) stages[list.at]!.push(candidate);
    return list === undefined;
  });
}

interface Ranked {
  readonly candidate: Candidate;
  /** In the order that the seed gives. */
  readonly place: number;
}

function byPlace(a: Ranked, b: Ranked): number {
  return a.place - b.place;
}

function byRank(candidates: readonly Candidate[], seed: number): Ranked[] {
  return candidates
    .map((candidate) => ({ candidate, rank: seededRank(candidate.id, seed) }))
    .sort((a, b) => a.rank - b.rank || (a.candidate.id < b.candidate.id ? -1 : 1))
    .map(({ candidate }, place) => ({ candidate, place }));
}

/** In an order that the seed gives, so that no name is always the one that gets less. */
function strataOf(pool: readonly Ranked[], seed: number): Queue[] {
  const groups = new Map<string, Ranked[]>();
  for (const ranked of pool) {
    const { labels } = ranked.candidate;
    const key = labels.length === 1 ? labels[0]! : JSON.stringify(labels);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [ranked]);
    else group.push(ranked);
  }
  return [...groups]
    .map(([key, group]) => ({ rank: seededRank(key, seed), group }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ group }) => new Queue(group));
}

class Queue {
  readonly #items: readonly Ranked[];
  #taken = 0;

  constructor(items: readonly Ranked[]) {
    this.#items = items;
  }

  get left(): number {
    return this.#items.length - this.#taken;
  }

  take(count: number): readonly Ranked[] {
    const taken = this.#items.slice(this.#taken, this.#taken + Math.max(0, count));
    this.#taken += taken.length;
    return taken;
  }
}
