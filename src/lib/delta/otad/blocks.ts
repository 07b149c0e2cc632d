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

/** What one cover makes between two positions of the new image. */
export interface CoveredPart extends Omit<Block, 'length'> {
  /** The byte of the new image behind its last. */
  newEnd: number;
}

/** The parts of the new image between two positions that covers make. */
export function* coveredBetween(covers: Covers, from: number, to: number): Generator<CoveredPart> {
  for (let cover = firstCoverFrom(covers, from); cover < covers.count; cover++) {
    const start = covers.newAt[cover]!;
    if (start >= to) return;
    const coverFrom = covers.oldAt[cover]!;
    const coverTo = coverFrom + covers.length[cover]!;
    const newAt = Math.max(start, from);
    const newEnd = Math.min(to, start + covers.length[cover]!);
    yield { newAt, newEnd, oldAt: newAt + coverFrom - start, coverFrom, coverTo };
  }
}

/** Where the block ends that begins at `newAt`, unless its cover does before. */
export function blockEnd(newAt: number, blockBits: number): number {
  return newAt - (newAt % 2 ** blockBits) + 2 ** blockBits;
}

/** How many blocks a covered part has. */
export function blockCount({ newAt, newEnd }: Pick<CoveredPart, 'newAt' | 'newEnd'>, blockBits: number): number {
  const blockBytes = 2 ** blockBits;
  return Math.floor((newEnd - 1) / blockBytes) - Math.floor(newAt / blockBytes) + 1;
}

/**
 * The blocks of all covers between two positions of the new image, which lie on the grid or at its end.
 *
 * @param blockBits base-2 logarithm of the size of blocks
 */
export function* blocksBetween(covers: Covers, blockBits: number, from: number, to: number): Generator<Block> {
  for (const { newAt: start, newEnd, oldAt, coverFrom, coverTo } of coveredBetween(covers, from, to)) {
    for (let newAt = start; newAt < newEnd; ) {
      const next = Math.min(newEnd, blockEnd(newAt, blockBits));
      yield { newAt, oldAt: oldAt + newAt - start, length: next - newAt, coverFrom, coverTo };
      newAt = next;
    }
  }
}

/** How many {@link blocksBetween} gives. */
export function countBlocksBetween(covers: Covers, blockBits: number, from: number, to: number): number {
  let count = 0;
  for (const part of coveredBetween(covers, from, to)) count += blockCount(part, blockBits);
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
