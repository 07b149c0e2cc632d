import { releaseBytes } from '../release-bytes.js';
import type { Content } from './content.js';

/** Bytes that must be equal before a place is looked at. */
export const SEED_BYTES = 8;
/** Places that are looked at for one seed: those nearest to where it is expected. */
const NEAREST = 8;
const MIN_TABLE_BITS = 10;
const MAX_TABLE_BITS = 21;

export const LOOKUP_CAPACITY = NEAREST;

/** What an index takes, bytes. */
export function seedIndexBytes(size: number, step: number): number {
  return 4 * (Math.floor(size / step) + 2 ** tableBits(size, step) + 1);
}

/**
 * Where each sequence of eight bytes occurs in an image: positions sorted by a hash of the bytes
 * there, and for the same hash ascending, so that the ones near an expected place are found fast
 * however many there are.
 */
export class SeedIndex {
  /** Where the positions of each hash begin. */
  readonly #starts: Int32Array;
  /** In the lower bits the number of a position, in the upper ones more of its hash: other bytes are mostly told by that. */
  readonly #entries: Int32Array;
  readonly #step: number;
  readonly #bits: number;
  readonly #numberMask: number;

  /** @param step only positions that are multiples of this are found */
  constructor({ words, length }: Content, step: number) {
    const bits = tableBits(length, step);
    const shift = 32 - bits;
    const count = length < SEED_BYTES ? 0 : Math.floor((length - SEED_BYTES) / step) + 1;
    const numberMask = 2 ** (32 - Math.clz32(count)) - 1;
    const starts = new Int32Array(2 ** bits + 1);
    countPositions(words, count, step, shift, starts);
    const entries = new Int32Array(count);
    sortPositions(words, step, shift, numberMask, starts, entries);
    this.#starts = starts;
    this.#entries = entries;
    this.#step = step;
    this.#bits = bits;
    this.#numberMask = numberMask;
  }

  /**
   * Finds positions whose eight bytes hash as those at a place of another image.
   *
   * @param expected the position that would fit best
   * @returns how many were written to `found`, at most its length
   */
  lookup(target: DataView, at: number, expected: number, found: Int32Array): number {
    const starts = this.#starts;
    const entries = this.#entries;
    const numberMask = this.#numberMask;
    const hash = seedHash(target, at);
    const bucket = hash >>> (32 - this.#bits);
    let low = starts[bucket + 1]!;
    let high = bucket + 2 < starts.length ? starts[bucket + 2]! : entries.length;
    if (high - low > found.length) {
      const start = low;
      const end = high;
      const nearest = expected / this.#step;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if ((entries[middle]! & numberMask) < nearest) low = middle + 1;
        else high = middle;
      }
      low = Math.max(start, Math.min(low - (found.length >>> 1), end - found.length));
      high = low + found.length;
    }
    const rest = hash << this.#bits;
    let count = 0;
    for (let i = low; i < high; i++) {
      const entry = entries[i]!;
      if (((entry ^ rest) & ~numberMask) === 0) found[count++] = (entry & numberMask) * this.#step;
    }
    return count;
  }

  /** Gives its memory back; nothing is to be looked up afterwards. */
  release(): void {
    releaseBytes(this.#starts, this.#entries);
  }
}

function tableBits(size: number, step: number): number {
  const bits = 30 - Math.clz32(Math.floor(size / step)); // two to four positions for each hash: smaller tables stay in caches
  return Math.max(MIN_TABLE_BITS, Math.min(MAX_TABLE_BITS, bits));
}

function seedHash(words: DataView, at: number): number {
  const low = words.getInt32(at, true);
  const high = words.getInt32(at + 4, true);
  const mixed = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b);
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
}

// The loops over all positions are functions of their own: within the constructor they run several times slower.

/** Afterwards starts[h + 1] is where the positions behind those of hash h begin. */
function countPositions(words: DataView, count: number, step: number, shift: number, starts: Int32Array): void {
  for (let i = 0, at = 0; i < count; i++, at += step) starts[(seedHash(words, at) >>> shift) + 1]!++;
  for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
}

/** Filled from behind, the starts moving down: afterwards starts[h + 1] is where the positions of hash h begin. */
function sortPositions(
  words: DataView,
  step: number,
  shift: number,
  numberMask: number,
  starts: Int32Array,
  entries: Int32Array,
): void {
  for (let i = entries.length - 1, at = i * step; i >= 0; i--, at -= step) {
    const hash = seedHash(words, at);
    entries[--starts[(hash >>> shift) + 1]!] = i | ((hash << (32 - shift)) & ~numberMask);
  }
}
