/**
 * One walk over a model serves encoder and decoder: every step is told the bit that it is to
 * encode and returns the bit that was coded; a decoder ignores what it is told.
 */
export interface BitCoder {
  /** Codes one bit by an adaptive probability, which learns from it. */
  bit(probabilities: Uint16Array, index: number, bit: number): number;
  /** Codes bits that are as likely 0 as 1, highest first; at most 31. */
  evenBits(count: number, value: number): number;
}

/** A probability is that of a 0, out of 2^11. */
export const PROBABILITY_BITS = 11;
export const PROBABILITY_ONE = 1 << PROBABILITY_BITS;
export const PROBABILITY_START = PROBABILITY_ONE / 2;
/** How slowly a probability learns. */
export const PROBABILITY_SHIFT = 5;
/** A range below this takes a byte more. */
export const RANGE_FLOOR = 0x1000000;

/** Codes a number of some bits, highest first, each bit in the context of those before it. */
export function treeBits(
  coder: BitCoder,
  probabilities: Uint16Array,
  at: number,
  bitCount: number,
  value: number,
): number {
  let node = 1;
  for (let i = bitCount - 1; i >= 0; i--) node = (node << 1) | coder.bit(probabilities, at + node, (value >> i) & 1);
  return node - (1 << bitCount);
}

/** Codes a number of some bits, lowest first, each bit in the context of those before it. */
export function reverseTreeBits(
  coder: BitCoder,
  probabilities: Uint16Array,
  at: number,
  bitCount: number,
  value: number,
): number {
  let node = 1;
  let coded = 0;
  for (let i = 0; i < bitCount; i++) {
    const bit = coder.bit(probabilities, at + node, (value >> i) & 1);
    node = (node << 1) | bit;
    coded |= bit << i;
  }
  return coded;
}
