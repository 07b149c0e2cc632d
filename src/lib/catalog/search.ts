import { applicableCuts, cutNeeds, type Offer, offerOf, type Rules } from './offer.js';
import type { Release } from './release.js';
import { type Standing, standingAfter, standingKey } from './standing.js';

/** How often policy may be asked in one search: about a second of work. */
const MAX_JUDGEMENTS = 50_000;

/** A standing that was reached, and how. */
export interface Reached {
  standing: Standing;
  /** The last step here; absent at the origin. */
  step?: { from: Reached; release: Release; offer: Offer };
  steps: number;
  /** Downloaded bytes, and `stepBytes` for every step. */
  cost: number;
}

export interface Search {
  target: Release;
  /** What may be installed on the way. */
  candidates: readonly Release[];
  /** What a step costs beside its download. */
  stepBytes: number;
  maxJudgements: number | undefined;
  rules: Rules;
}

/**
 * The cheapest way to a release, of equals the one with the fewest steps; Dijkstra's algorithm on standings.
 * Sequences rise from step to step, so every way ends.
 *
 * @returns how the target was reached, if it was, and all standings that were visited, the origin first; `gaveUp`
 *   where there were too many to visit them all
 */
export function cheapestWay(
  origin: Standing,
  { target, candidates, stepBytes, maxJudgements = MAX_JUDGEMENTS, rules }: Search,
): { end?: Reached; visited: Reached[]; gaveUp: boolean } {
  const open = new Map<string, Reached>([[standingKey(origin), { standing: origin, steps: 0, cost: 0 }]]);
  const closed = new Map<string, Reached>();
  // The target first: whatever costs as much as a way that is known already needs no judgement.
  const order = [target, ...candidates.filter((release) => release !== target)];
  const needs = new Map(order.map((release) => [release, cutNeeds(release)]));
  let best = Number.POSITIVE_INFINITY;
  let judgements = 0;
  for (let here = takeCheapest(open); here !== undefined; here = takeCheapest(open)) {
    closed.set(here.key, here.reached);
    const { reached } = here;
    const { standing } = reached;
    if (standing.state.running?.digest === target.digest)
      return { end: reached, visited: [...closed.values()], gaveUp: false };
    for (const release of order) {
      if (!isAhead(reached, release)) continue;
      const cuts = applicableCuts(standing, needs.get(release)!);
      const [smallest] = cuts;
      if (smallest === undefined) continue;
      if (release !== target && reached.cost + stepBytes + smallest.bytes >= best) continue;
      judgements += 1;
      if (judgements > maxJudgements) return { visited: [...closed.values()], gaveUp: true };
      const offer = offerOf(cuts, standing, release, rules);
      if (offer === undefined) continue;
      const next: Reached = {
        standing: standingAfter(standing, release, rules.trustedKeyids),
        step: { from: reached, release, offer },
        steps: reached.steps + 1,
        cost: reached.cost + stepBytes + offer.cut.bytes,
      };
      if (release === target) best = Math.min(best, next.cost);
      const key = standingKey(next.standing);
      const known = closed.get(key) ?? open.get(key);
      if (known === undefined || isCheaper(next, known)) open.set(key, next);
    }
  }
  return { visited: [...closed.values()], gaveUp: false };
}

/** From the origin to where it ends. */
export function stepsTo(end: Reached): NonNullable<Reached['step']>[] {
  const steps: NonNullable<Reached['step']>[] = [];
  for (let { step } = end; step !== undefined; { step } = step.from) steps.push(step);
  return steps.reverse();
}

function takeCheapest(open: Map<string, Reached>): { key: string; reached: Reached } | undefined {
  let cheapest: { key: string; reached: Reached } | undefined;
  for (const [key, reached] of open) {
    if (cheapest === undefined || isCheaper(reached, cheapest.reached)) cheapest = { key, reached };
  }
  if (cheapest !== undefined) open.delete(cheapest.key);
  return cheapest;
}

function isCheaper(one: Reached, other: Reached): boolean {
  return one.cost < other.cost || (one.cost === other.cost && one.steps < other.steps);
}

/** What runs is no step. What is older is none either, but from the origin, whose floors may have lapsed: policy knows. */
function isAhead({ standing, step }: Reached, { digest, metadata: { sequence } }: Release): boolean {
  const { running } = standing.state;
  if (running === undefined) return true;
  return digest !== running.digest && (step === undefined || sequence > running.sequence);
}
