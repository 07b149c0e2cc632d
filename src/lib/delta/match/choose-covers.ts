import { releaseBytes } from '../release-bytes.js';
import { commonLength } from './common-length.js';
import type { Content } from './content.js';
import type { CostModel } from './cost-model.js';
import { CoverList } from './cover-list.js';
import type { Covers } from './covers.js';
import { differsAsBefore } from './likeness.js';
import { LiteralCosts } from './literal-costs.js';
import type { Segments } from './segments.js';

/** Segments that are considered at one place; of more, the one that does worst is given up. */
const MOST_LIVE = 16;
/** Costs are kept small by subtracting what all have in common. */
const REBASE_COST = 2 ** 26;
const NONE = -1;
const LITERAL = 2 ** 31 - 1;

/**
 * Chooses covers among segments so that the coded patch becomes smallest.
 *
 * A Viterbi search over the new image: at each byte, one state for each segment there and one
 * for bytes without cover. A state goes on, or is entered anew from the one that is best so far.
 *
 * @param offsets for each segment, how far its old bytes lie behind its new ones in `old`: where they are not the
 *   old image's own
 */
export function chooseCovers(
  segments: Segments,
  oldContent: Content,
  targetContent: Content,
  costs: CostModel,
  offsets = segments.diagonal,
): Covers {
  const { bytes: old } = oldContent;
  const { bytes: target } = targetContent;
  const size = target.length;
  const literalCosts = costs.literalsByFrequency ? new LiteralCosts(target, costs.literal) : undefined;
  const trail = new Trail();
  // one entry for each live state, 0 being the state without cover
  const diagonal = new Int32Array(MOST_LIVE + 1);
  const offset = new Int32Array(MOST_LIVE + 1);
  const end = new Int32Array(MOST_LIVE + 1);
  const cost = new Int32Array(MOST_LIVE + 1);
  const enteredAt = new Int32Array(MOST_LIVE + 1);
  const enteredFrom = new Int32Array(MOST_LIVE + 1);
  const step = new Int32Array(MOST_LIVE + 1);
  const differed = new Uint8Array(MOST_LIVE + 1);
  const delta = new Uint8Array(MOST_LIVE + 1);
  let live = 1;
  let lastDiagonal = 0; // of the cover before the bytes of state 0
  let next = 0;
  enteredFrom[0] = NONE;
  step[0] = NONE;
  let best = 0;

  for (let at = 0; at < size; ) {
    // here segments may end and start; the best of those that end can still be left
    for (let state = live - 1; state > 0; state--) if (end[state] === at) drop(state, at);
    for (; next < segments.count && segments.start[next]! <= at; next++) {
      if (segments.end[next]! > at) add(next, at); // one that was clipped to its image may begin behind the one after it
    }
    let until = next < segments.count ? segments.start[next]! : size;
    for (let state = 1; state < live; state++) if (end[state]! < until) until = end[state]!;
    if (cost[best]! > REBASE_COST) {
      const base = cost[best]!;
      for (let state = 0; state < live; state++) cost[state]! -= base;
    }
    at = live === 1 ? literals(at, until) : compete(at, until);
  }
  const covers = trail.covers(size, stepOf(best));
  trail.release();
  return covers;

  function literals(at: number, until: number): number {
    for (; at < until && cost[0]! <= REBASE_COST; at++) cost[0]! += literalCost(at);
    return at;
  }

  function compete(from: number, until: number): number {
    let at = from;
    while (at < until) {
      if (live === 2 && best === 1) {
        const equal = Math.min(until - at, commonLength(oldContent, at + offset[1]!, targetContent, at));
        if (equal > 16) {
          cost[1]! += (differed[1] === 1 ? costs.equalAfterDifferent : costs.equal) + (equal - 1) * costs.equal;
          differed[1] = 0;
          at += equal;
          enter(0, at);
          if (cost[1]! > REBASE_COST) return at;
          continue;
        }
      }
      const byte = target[at]!;
      const floor = cost[best]!;
      if (best !== 0 && floor + costs.gap < cost[0]!) enter(0, at);
      cost[0]! += literalCost(at);
      let leader = 0;
      let least = cost[0]!;
      const from = best;
      const fromDiagonal = from === 0 ? lastDiagonal : diagonal[from]!;
      for (let state = 1; state < live; state++) {
        const difference = (byte - old[at + offset[state]!]!) & 255;
        if (difference === 0) {
          if (state !== from) {
            const entry = floor + coverCost(diagonal[state]! - fromDiagonal);
            if (entry < cost[state]!) enterFrom(state, at, from, entry);
          }
          cost[state]! += differed[state] === 1 ? costs.equalAfterDifferent : costs.equal;
          differed[state] = 0;
        } else {
          const oldAt = at + offset[state]!;
          if (at >= 24 && oldAt >= 24 && differsAsBefore(old, oldAt, target, at, difference))
            cost[state]! += costs.tableDifference;
          else if (difference === delta[state]) cost[state]! += costs.sameDifference;
          else {
            cost[state]! += differed[state] === 1 ? costs.differentAgain : costs.different;
            delta[state] = difference;
          }
          differed[state] = 1;
        }
        if (cost[state]! < least) {
          least = cost[state]!;
          leader = state;
        }
      }
      best = leader;
      at++;
      if (least > REBASE_COST) return at;
    }
    return at;
  }

  function coverCost(distance: number): number {
    return costs.cover + costs.distanceBit * (32 - Math.clz32(Math.abs(distance)));
  }

  /** Enters the state without cover from the best one. */
  function enter(state: number, at: number): void {
    lastDiagonal = best === 0 ? lastDiagonal : diagonal[best]!;
    enterFrom(state, at, best, cost[best]! + costs.gap);
  }

  function enterFrom(state: number, at: number, from: number, entry: number): void {
    const previous = stepOf(from);
    enteredAt[state] = at;
    enteredFrom[state] = previous;
    step[state] = NONE;
    cost[state] = entry;
    differed[state] = 0;
    delta[state] = 0;
  }

  /** The step that stands for a state since it was entered; made when another one comes from there. */
  function stepOf(state: number): number {
    if (step[state] === NONE) {
      step[state] = trail.add(state === 0 ? LITERAL : diagonal[state]!, enteredAt[state]!, enteredFrom[state]!);
    }
    return step[state]!;
  }

  function add(segment: number, at: number): void {
    let state = live;
    if (live > MOST_LIVE) {
      state = best === 1 ? 2 : 1;
      for (let other = state + 1; other < live; other++) {
        if (other !== best && end[other]! < end[state]!) state = other;
      }
      if (end[state]! >= segments.end[segment]!) return;
    } else live++;
    diagonal[state] = segments.diagonal[segment]!;
    offset[state] = offsets[segment]!;
    end[state] = segments.end[segment]!;
    const fromDiagonal = best === 0 ? lastDiagonal : diagonal[best]!;
    enterFrom(state, at, best, cost[best]! + coverCost(diagonal[state]! - fromDiagonal));
  }

  function drop(state: number, at: number): void {
    if (state === best) {
      if (cost[state]! + costs.gap < cost[0]!) enter(0, at);
      for (let other = 1; other < live; other++) {
        if (other === state) continue;
        const entry = cost[state]! + coverCost(diagonal[other]! - diagonal[state]!);
        if (entry < cost[other]!) enterFrom(other, at, state, entry);
      }
    }
    live--;
    if (state !== live) {
      for (const column of [diagonal, offset, end, cost, enteredAt, enteredFrom, step, differed, delta])
        column[state] = column[live]!;
    }
    best = 0;
    for (let other = 1; other < live; other++) if (cost[other]! < cost[best]!) best = other;
  }

  function literalCost(at: number): number {
    const byte = target[at];
    if (at >= 4 && byte === target[at - 4] && byte === target[at - 1]) return costs.repeatedLiteral;
    return literalCosts === undefined ? costs.literal : literalCosts.at(at);
  }
}

/** The decisions that may yet turn out to be part of the best way: each knows the one before it. */
class Trail {
  #fields: Int32Array = new Int32Array(3 * 1024);
  #count = 0;

  add(diagonal: number, start: number, previous: number): number {
    if (this.#count * 3 === this.#fields.length) {
      const larger = new Int32Array(this.#fields.length * 2);
      larger.set(this.#fields);
      releaseBytes(this.#fields);
      this.#fields = larger;
    }
    this.#fields.set([diagonal, start, previous], this.#count * 3);
    return this.#count++;
  }

  release(): void {
    releaseBytes(this.#fields);
  }

  /** The covers of the way that ends with a step. */
  covers(size: number, last: number): Covers {
    const steps: number[] = [];
    for (let step = last; step !== NONE; step = this.#fields[step * 3 + 2]!) steps.push(step);
    const list = new CoverList();
    steps.reverse().forEach((step, index) => {
      const diagonal = this.#fields[step * 3]!;
      const start = this.#fields[step * 3 + 1]!;
      const following = steps[index + 1];
      const end = following === undefined ? size : this.#fields[following * 3 + 1]!;
      if (diagonal !== LITERAL && end > start) list.add(start, start + diagonal, end - start);
    });
    return list.covers();
  }
}
