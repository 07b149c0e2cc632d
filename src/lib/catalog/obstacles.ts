import { offerTo, type Rules } from './offer.js';
import type { CatalogueRefusal, Refusal } from './refusal.js';
import { type Release, type ReleaseRef, refOf } from './release.js';
import type { Reached } from './search.js';
import type { Standing } from './standing.js';
import type { StonesBefore } from './stepping-stones.js';

/** Longest list of releases that stand in the way. */
const MAX_OBSTACLES = 32;

/** From how many standings each of them is looked at, those next to it. */
const MAX_STANDINGS = 64;

/** A release that a device cannot get, from where it comes nearest to it. */
export interface Obstacle {
  release: ReleaseRef;
  /** What would run then. Absent: no release that is known. */
  after?: { digest: string; version: string };
  refusals: Refusal[];
}

/**
 * Why there is no way: the target with what keeps it away, then whatever would open it and is not reached either
 * (a release that is the base of its deltas, or brings what it depends on), and so on.
 *
 * @param stonesBefore among all of the product, those that were not searched too
 * @param excluded why a release was not searched, if so
 */
export function obstaclesTo(
  target: Release,
  {
    visited,
    stonesBefore,
    excluded,
    rules,
  }: {
    visited: readonly Reached[];
    stonesBefore: StonesBefore;
    excluded: (release: Release) => CatalogueRefusal[];
    rules: Rules;
  },
): Obstacle[] {
  const reached = new Set(visited.flatMap(({ step }) => step?.release.digest ?? []));
  const floor = sequenceOf(visited[0]!.standing);
  const inTheWay = [target];
  const obstacles: Obstacle[] = [];
  // The list grows while it is read.
  for (const release of inTheWay) {
    if (obstacles.length === MAX_OBSTACLES) break;
    obstacles.push(nearest(release, { visited, excluded, rules }));
    for (const stone of stonesBefore(release)) {
      const isReached = reached.has(stone.digest) || stone.metadata.sequence <= floor;
      if (!isReached && !inTheWay.includes(stone)) inTheWay.push(stone);
    }
  }
  // Where the search gave up, some are in nobody's way and were just not visited.
  return obstacles.filter(({ refusals }, index) => index === 0 || refusals.length > 0);
}

/** Where the fewest refusals are left; of equals the last, which is the furthest on. */
function nearest(
  release: Release,
  { visited, excluded, rules }: Pick<Parameters<typeof obstaclesTo>[1], 'visited' | 'excluded' | 'rules'>,
): Obstacle {
  const [origin, ...others] = visited;
  const before = others
    .filter(({ standing }) => sequenceOf(standing) < release.metadata.sequence)
    .sort((a, b) => sequenceOf(a.standing) - sequenceOf(b.standing))
    .slice(-MAX_STANDINGS);
  const ways = [origin!, ...before].map(({ standing }) => {
    const verdict = offerTo(standing, release, rules);
    const refusals = [...excluded(release), ...('refusals' in verdict ? verdict.refusals : [])];
    return { running: standing.state.running, refusals };
  });
  const { running, refusals } = ways.reduce((best, way) => (way.refusals.length <= best.refusals.length ? way : best));
  return {
    release: refOf(release),
    ...(running && { after: { digest: running.digest, version: running.version } }),
    refusals,
  };
}

function sequenceOf({ state: { running } }: Standing): number {
  return running?.sequence ?? -1;
}
