import type { Covers } from '../match/covers.js';

/** A piece of the new image that is made from one piece of the old one, in one mode. */
export interface Block {
  newAt: number;
  oldAt: number;
  length: number;
  /** The old bytes of its cover: first byte and the one behind the last. */
  coverFrom: number;
  coverTo: number;
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

/**
 * The blocks of all covers between two positions of the new image, which lie on the grid or at its end.
 *
 * @param blockBits base-2 logarithm of the size of blocks
 */
export function* blocksBetween(covers: Covers, blockBits: number, from: number, to: number): Generator<Block> {
  const blockBytes = 2 ** blockBits;
  for (let cover = firstCoverFrom(covers, from); cover < covers.count; cover++) {
    const start = covers.newAt[cover]!;
    const end = Math.min(to, start + covers.length[cover]!);
    const shift = covers.oldAt[cover]! - start;
    const coverFrom = covers.oldAt[cover]!;
    const coverTo = coverFrom + covers.length[cover]!;
    for (let newAt = Math.max(start, from); newAt < end; ) {
      const next = Math.min(end, newAt - (newAt % blockBytes) + blockBytes);
      yield { newAt, oldAt: newAt + shift, length: next - newAt, coverFrom, coverTo };
      newAt = next;
    }
    if (start >= to) return;
  }
}

/** How many {@link blocksBetween} gives. */
export function countBlocksBetween(covers: Covers, blockBits: number, from: number, to: number): number {
  const blockBytes = 2 ** blockBits;
  let count = 0;
  for (let cover = firstCoverFrom(covers, from); cover < covers.count; cover++) {
    const start = Math.max(from, covers.newAt[cover]!);
    if (start >= to) break;
    const last = Math.min(to, covers.newAt[cover]! + covers.length[cover]!) - 1;
    count += Math.floor(last / blockBytes) - Math.floor(start / blockBytes) + 1;
  }
  return count;
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
