import type { ImageBytes } from '../image/image-bytes.js';
import type { Covers } from '../match/covers.js';

/** Bytes of a cover that are compared at once. */
const STRETCH_BYTES = 16 * 1024;

/** A part of a cover. */
interface CoverPart {
  readonly newAt: number;
  readonly oldAt: number;
  readonly length: number;
  /** Where its cover ends in the new image. */
  readonly coverEnd: number;
}

/** Tells which blocks are the same in both images: by what matching knows, else by long comparisons. */
export class EqualBlocks {
  readonly #old: ImageBytes;
  readonly #target: ImageBytes;
  /** Stretches that are known to be equal, and the first of them that ends behind the last block. */
  readonly #exact: Covers | undefined;
  #next = 0;
  /** Up to where, in the new image, covers were looked at, */
  #comparedTo = 0;
  /** and up to where they are equal. */
  #equalTo = 0;

  constructor(old: ImageBytes, target: ImageBytes, exact?: Covers) {
    this.#old = old;
    this.#target = target;
    this.#exact = exact;
  }

  /** @param block blocks are asked for in their order */
  has({ newAt, oldAt, length, coverEnd }: CoverPart): boolean {
    const knownAt = this.#nextExact(newAt);
    if (knownAt <= newAt && this.#isExact(oldAt, newAt, length)) return true;
    if (newAt >= this.#comparedTo) {
      const end = Math.min(coverEnd, newAt + STRETCH_BYTES, knownAt > newAt ? knownAt : coverEnd);
      this.#comparedTo = Math.max(newAt + length, end);
      this.#equalTo = this.#isEqual(oldAt, newAt, this.#comparedTo - newAt) ? this.#comparedTo : newAt;
    }
    return newAt + length <= this.#equalTo || this.#isEqual(oldAt, newAt, length);
  }

  /** Where the first known stretch begins that ends behind a place. */
  #nextExact(newAt: number): number {
    const exact = this.#exact;
    if (exact === undefined) return Number.POSITIVE_INFINITY;
    while (this.#next < exact.count && exact.newAt[this.#next]! + exact.length[this.#next]! <= newAt) this.#next++;
    return this.#next < exact.count ? exact.newAt[this.#next]! : Number.POSITIVE_INFINITY;
  }

  #isExact(oldAt: number, newAt: number, length: number): boolean {
    const exact = this.#exact!;
    const done = newAt - exact.newAt[this.#next]!;
    return oldAt - exact.oldAt[this.#next]! === done && done + length <= exact.length[this.#next]!;
  }

  #isEqual(oldAt: number, newAt: number, length: number): boolean {
    return Buffer.compare(this.#old.view(oldAt, length), this.#target.view(newAt, length)) === 0;
  }
}
