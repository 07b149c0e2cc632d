import { releaseBytes } from '../release-bytes.js';

/** Bytes that must be equal before a place is looked at. */
export const SEED_BYTES = 8;
/** Places that are looked at for one seed: those nearest to where it is expected. */
const NEAREST = 12;
const MIN_TABLE_BITS = 10;
const MAX_TABLE_BITS = 22;

/**
 * Where each sequence of eight bytes occurs in an image: positions sorted by a hash of the bytes
 * there, and for the same hash ascending, so that the ones near an expected place are found fast
 * however many there are.
 */
export interface SeedIndex {
  /**
   * Finds positions whose eight bytes hash as those at bytes[at …].
   *
   * @param expected the position that would fit best
   * @returns how many were written to `found`, at most its length
   */
  lookup(bytes: Uint8Array, at: number, expected: number, found: Int32Array): number;
  /** Gives its memory back; nothing is found afterwards. */
  release(): void;
}

export const LOOKUP_CAPACITY = NEAREST;

/** What an index takes, bytes. */
export function seedIndexBytes(size: number, step: number): number {
  return 4 * (Math.floor(size / step) + 2 ** tableBits(size, step) + 1);
}

/** @param step only positions that are multiples of this are found */
export function seedIndex(bytes: Uint8Array, step: number): SeedIndex {
  const shift = 32 - tableBits(bytes.length, step);
  const starts = new Int32Array(2 ** (32 - shift) + 1);
  const count = bytes.length < SEED_BYTES ? 0 : Math.floor((bytes.length - SEED_BYTES) / step) + 1;
  for (let i = 0, at = 0; i < count; i++, at += step) starts[(seedHash(bytes, at) >>> shift) + 1]!++;
  for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
  const positions = new Int32Array(count);
  // filled from behind, the starts moving down: afterwards starts[h] is one bucket's start again
  for (let i = count - 1, at = i * step; i >= 0; i--, at -= step) {
    positions[--starts[(seedHash(bytes, at) >>> shift) + 1]!] = at;
  }
  return {
    lookup(target, at, expected, found) {
      const bucket = seedHash(target, at) >>> shift;
      let low = starts[bucket + 1]!;
      let high = bucket + 2 < starts.length ? starts[bucket + 2]! : count;
      if (high - low > found.length) {
        const start = low;
        const end = high;
        while (low < high) {
          const middle = (low + high) >>> 1;
          if (positions[middle]! < expected) low = middle + 1;
          else high = middle;
        }
        low = Math.max(start, Math.min(low - (found.length >>> 1), end - found.length));
        high = low + found.length;
      }
      for (let i = low; i < high; i++) found[i - low] = positions[i]!;
      return high - low;
    },
    release: () => releaseBytes(starts, positions),
  };
}

function tableBits(size: number, step: number): number {
  const bits = 31 - Math.clz32(Math.floor(size / step)); // one or two positions for each hash
  return Math.max(MIN_TABLE_BITS, Math.min(MAX_TABLE_BITS, bits));
}

function seedHash(bytes: Uint8Array, at: number): number {
  const low = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  const high = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
  const mixed = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b);
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> 0;
}
