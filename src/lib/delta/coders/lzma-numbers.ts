import {
  DISTANCE_ALIGN,
  DISTANCE_SLOTS,
  LONG_LENGTHS,
  MIDDLE_LENGTHS,
  NEAR_DISTANCES,
  SHORT_LENGTHS,
  SHORTEST_MATCH,
} from './lzma-model.js';
import type { RangeDecoder } from './lzma-range.js';

/** The distance that says that nothing follows. */
export const END_MARKER = 0xffff_ffff;

/**
 * The length of a match, bytes.
 *
 * @param base     where the probabilities of this kind of match lie
 * @param position of the match, by its lowest bits
 */
export function readLength(coder: RangeDecoder, base: number, position: number): number {
  if (coder.bit(base) === 0) return coder.walk(base + SHORT_LENGTHS + position * 8, 1, 8) - 8 + SHORTEST_MATCH;
  if (coder.bit(base + 1) === 0) return coder.walk(base + MIDDLE_LENGTHS + position * 8, 1, 8) + SHORTEST_MATCH;
  return coder.walk(base + LONG_LENGTHS, 1, 256) - 256 + 16 + SHORTEST_MATCH;
}

/** One less than how many bytes back a match of this length begins, or {@link END_MARKER}. */
export function readDistance(coder: RangeDecoder, length: number): number {
  const tree = DISTANCE_SLOTS + 64 * (Math.min(length, 5) - SHORTEST_MATCH);
  const slot = coder.walk(tree, 1, 64) - 64;
  if (slot < 4) return slot;
  const bits = (slot >> 1) - 1;
  const high = ((2 | (slot & 1)) << bits) >>> 0;
  if (slot < 14) return high + coder.reverseTree(NEAR_DISTANCES + high - slot, bits);
  return high + coder.direct(bits - 4) * 16 + coder.reverseTree(DISTANCE_ALIGN, 4);
}
