import type { ImageBytes } from '../image/image-bytes.js';
import type { BlockCursor } from './blocks.js';

/** Bytes of a cover that are compared at once. */
const STRETCH_BYTES = 16 * 1024;

/** Tells which blocks are the same in both images, by long comparisons: most of a large image is. */
export class EqualBlocks {
  readonly #old: ImageBytes;
  readonly #target: ImageBytes;
  /** Up to where, in the new image, covers were looked at, */
  #comparedTo = 0;
  /** and up to where they are equal. */
  #equalTo = 0;

  constructor(old: ImageBytes, target: ImageBytes) {
    this.#old = old;
    this.#target = target;
  }

  /** @param block blocks are asked for in their order */
  has({ newAt, oldAt, length, coverEnd }: BlockCursor): boolean {
    if (newAt >= this.#comparedTo) {
      this.#comparedTo = Math.max(newAt + length, Math.min(coverEnd, newAt + STRETCH_BYTES));
      this.#equalTo = this.#isEqual(oldAt, newAt, this.#comparedTo - newAt) ? this.#comparedTo : newAt;
    }
    return newAt + length <= this.#equalTo || this.#isEqual(oldAt, newAt, length);
  }

  #isEqual(oldAt: number, newAt: number, length: number): boolean {
    return Buffer.compare(this.#old.view(oldAt, length), this.#target.view(newAt, length)) === 0;
  }
}
