import type { Covers } from '../match/covers.js';

/** How many old bytes before and after a block its prediction may look at. */
export const CONTEXT_BYTES = 64;

/** Sizes that a block may have, as powers of two. */
export const LEAST_BLOCK_BITS = 6;
export const MOST_BLOCK_BITS = 16;
/** A block with everything its prediction may look at. */
export const MOST_BLOCK_BYTES_IN_CONTEXT = 2 ** MOST_BLOCK_BITS + 2 * CONTEXT_BYTES;

/** @returns the base-2 logarithm of the size of blocks that suits a new image of so many bytes */
export function suitableBlockBits(newSize: number): number {
  return newSize < 1024 * 1024 ? 8 : 9;
}

/**
 * Walks over the blocks of the covers: each cover is cut where the new image is at a multiple of the
 * block size. A block is predicted in one mode.
 *
 * ```ts
 * const block = new BlockCursor(covers, blockBits);
 * while (block.next()) use(block.index, block.newAt, block.oldAt, block.length);
 * ```
 */
export class BlockCursor {
  /** Number of the block, from 0. */
  index = -1;
  /** Number of the cover it is a piece of. */
  cover = -1;
  /** First byte in the new image. */
  newAt = 0;
  /** First byte in the old image. */
  oldAt = 0;
  /** Bytes. */
  length = 0;
  /** Where its cover ends in the new image. */
  coverEnd = 0;
  readonly #covers: Covers;
  readonly #blockBytes: number;

  constructor(covers: Covers, blockBits: number) {
    this.#covers = covers;
    this.#blockBytes = 2 ** blockBits;
  }

  /** Goes to the next block. @returns false when there is none */
  next(): boolean {
    this.newAt += this.length;
    this.oldAt += this.length;
    if (this.newAt === this.coverEnd) {
      if (++this.cover >= this.#covers.count) return false;
      this.newAt = this.#covers.newAt[this.cover]!;
      this.oldAt = this.#covers.oldAt[this.cover]!;
      this.coverEnd = this.newAt + this.#covers.length[this.cover]!;
    }
    this.length = Math.min(this.#blockBytes - (this.newAt % this.#blockBytes), this.coverEnd - this.newAt);
    this.index++;
    return true;
  }
}

/** @returns how many blocks the covers have, without walking over them */
export function countBlocks(covers: Covers, blockBits: number): number {
  const blockBytes = 2 ** blockBits;
  let count = 0;
  for (let i = 0; i < covers.count; i++) {
    const first = Math.floor(covers.newAt[i]! / blockBytes);
    const last = Math.floor((covers.newAt[i]! + covers.length[i]! - 1) / blockBytes);
    count += last - first + 1;
  }
  return count;
}
