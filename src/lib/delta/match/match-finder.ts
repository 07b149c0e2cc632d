import { suffixArray } from './suffix-array.js';

/** Longer matches are taken as they come: comparing on would make runs of zeros cost quadratic time. */
const GOOD_MATCH_BYTES = 32 * 1024;
/** From here on, bytes are compared in native blocks. */
const BLOCK_BYTES = 64;

/** Finds where in the old image the bytes at some place of the new one occur, by binary search in its suffix array. */
export class MatchFinder {
  /** Where the last match lies in the old image. */
  position = 0;
  /** How long it is, bytes. */
  length = 0;
  readonly #old: Buffer;
  readonly #target: Buffer;
  readonly #suffixes: Int32Array;
  readonly #pairStarts: Int32Array;

  constructor(old: Buffer, target: Buffer) {
    this.#old = old;
    this.#target = target;
    this.#suffixes = suffixArray(old);
    this.#pairStarts = pairStarts(old);
  }

  /** Sets `position` and `length` to the longest match for the new image's bytes from `at` on; 0 and 0 for less than two bytes. */
  find(at: number): void {
    this.position = 0;
    this.length = 0;
    const target = this.#target;
    if (at + 1 >= target.length) return;
    const suffixes = this.#suffixes;
    const pair = target[at]! * 256 + target[at + 1]!;
    let low = this.#pairStarts[pair * 2]!;
    let high = this.#pairStarts[pair * 2 + 1]!;
    // every suffix before `low` is smaller and shares lowLength bytes at most, every one from `high` on is greater
    let lowLength = 2;
    let highLength = 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const position = suffixes[middle]!;
      const length = commonLength(this.#old, position, target, at, Math.min(lowLength, highLength));
      if (length > this.length) {
        this.length = length;
        this.position = position;
        if (length >= GOOD_MATCH_BYTES) return;
      }
      if (
        at + length < target.length &&
        (position + length >= this.#old.length || this.#old[position + length]! < target[at + length]!)
      ) {
        low = middle + 1;
        lowLength = length;
      } else {
        high = middle;
        highLength = length;
      }
    }
  }
}

/**
 * How many bytes from a[aAt] and b[bAt] on are equal.
 *
 * @param known how many are known to be
 */
export function commonLength(a: Buffer, aAt: number, b: Buffer, bAt: number, known = 0): number {
  const most = Math.min(a.length - aAt, b.length - bAt);
  let length = known;
  const firstEnd = Math.min(most, known + BLOCK_BYTES);
  while (length < firstEnd && a[aAt + length] === b[bAt + length]) length++;
  if (length < firstEnd) return length;
  for (let block = BLOCK_BYTES; length + block <= most; block = Math.min(block * 2, GOOD_MATCH_BYTES)) {
    if (a.compare(b, bAt + length, bAt + length + block, aAt + length, aAt + length + block) !== 0) break;
    length += block;
  }
  while (length < most && a[aAt + length] === b[bAt + length]) length++;
  return length;
}

/** For each pair of bytes, where the suffixes that start with it begin and end in the suffix array. */
function pairStarts(old: Buffer): Int32Array {
  const counts = new Int32Array(65536);
  for (let i = 0; i + 1 < old.length; i++) counts[old[i]! * 256 + old[i + 1]!]!++;
  const lastByte = old[old.length - 1];
  const bounds = new Int32Array(65536 * 2);
  let next = 0;
  for (let pair = 0; pair < 65536; pair++) {
    if (pair === lastByte! * 256) next++; // the suffix of one byte sorts before those that start with it
    bounds[pair * 2] = next;
    next += counts[pair]!;
    bounds[pair * 2 + 1] = next;
  }
  return bounds;
}
