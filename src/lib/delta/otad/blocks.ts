import type { Covers } from '../match/covers.js';

/** References are predicted in pieces of this size, on a grid in the new image, bytes. */
export const BLOCK_BYTES = 1024;
/** Bytes of the same cover that a prediction sees around its block. */
export const CONTEXT_BEFORE_BYTES = 16;
export const CONTEXT_AFTER_BYTES = 64;

/** A piece of the new image that is made from one piece of the old one. */
export interface Block {
  newAt: number;
  oldAt: number;
  length: number;
  /** Bytes of the cover before and after it that its prediction may look at. */
  before: number;
  after: number;
}

/** Number of the first cover that ends behind `position`. */
export function firstCoverFrom({ count, newAt, length }: Covers, position: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (newAt[middle]! + length[middle]! > position) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The blocks of all covers between two positions of the new image, which lie on the grid or at its end. */
export function* blocksBetween(covers: Covers, from: number, to: number): Generator<Block> {
  for (let cover = firstCoverFrom(covers, from); cover < covers.count; cover++) {
    const start = covers.newAt[cover]!;
    const end = start + covers.length[cover]!;
    const shift = covers.oldAt[cover]! - start;
    for (let newAt = Math.max(start, from); newAt < end; ) {
      if (newAt >= to) return;
      const next = Math.min(end, newAt - (newAt % BLOCK_BYTES) + BLOCK_BYTES);
      yield {
        newAt,
        oldAt: newAt + shift,
        length: next - newAt,
        before: Math.min(CONTEXT_BEFORE_BYTES, newAt - start),
        after: Math.min(CONTEXT_AFTER_BYTES, end - next),
      };
      newAt = next;
    }
  }
}

/** The pieces of the new image between two positions that no cover makes: first byte and the one behind the last. */
export function* gapsBetween(covers: Covers, from: number, to: number): Generator<[start: number, end: number]> {
  let at = from;
  for (let cover = firstCoverFrom(covers, from); cover < covers.count && at < to; cover++) {
    const start = covers.newAt[cover]!;
    if (start > at) yield [at, Math.min(start, to)];
    at = start + covers.length[cover]!;
  }
  if (at < to) yield [at, to];
}
