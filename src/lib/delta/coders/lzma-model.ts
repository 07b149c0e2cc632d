/** Input that a decoder holds, bytes. */
export const INPUT_BYTES = 64 * 1024;

export const SHORTEST_MATCH = 2;

// Where the probabilities lie. A tree's root is its index 1, so that its index 0 is unused.
export const IS_MATCH = 0; // by state and position
export const IS_REPEAT = IS_MATCH + 12 * 16; // by state
export const IS_REPEAT_0 = IS_REPEAT + 12;
export const IS_REPEAT_1 = IS_REPEAT_0 + 12;
export const IS_REPEAT_2 = IS_REPEAT_1 + 12;
export const IS_LONG_REPEAT_0 = IS_REPEAT_2 + 12; // by state and position
export const MATCH_LENGTH = IS_LONG_REPEAT_0 + 12 * 16;
export const SHORT_LENGTHS = 2; // after two choices; by position, as are the middle ones
export const MIDDLE_LENGTHS = SHORT_LENGTHS + 16 * 8;
export const LONG_LENGTHS = MIDDLE_LENGTHS + 16 * 8;
export const REPEAT_LENGTH = MATCH_LENGTH + LONG_LENGTHS + 256;
export const DISTANCE_SLOTS = REPEAT_LENGTH + LONG_LENGTHS + 256; // by length
export const NEAR_DISTANCES = DISTANCE_SLOTS + 4 * 64;
export const DISTANCE_ALIGN = NEAR_DISTANCES + 128;
export const LITERALS = DISTANCE_ALIGN + 16;
export const LITERAL_CODER = 0x300;

/** Data that no LZMA encoder makes; the message says what is wrong. */
export class LzmaError extends Error {
  override readonly name = 'LzmaError';
}

export interface LzmaParameters {
  /** Literal context bits, 0 to 8. */
  lc: number;
  /** Literal position bits, 0 to 4. */
  lp: number;
  /** Position bits, 0 to 4. */
  pb: number;
  /** How far back a match may reach, bytes, 1 to 2^31 − 1. */
  dictionaryBytes: number;
  /** What the stream makes in all, bytes. */
  decodedBytes: number;
}

/** @throws RangeError when they are not those of an LZMA stream: a mistake of the caller */
export function requireLzmaParameters({ lc, lp, pb, dictionaryBytes, decodedBytes }: LzmaParameters): void {
  requireWithin('lc', lc, 0, 8);
  requireWithin('lp', lp, 0, 4);
  requireWithin('pb', pb, 0, 4);
  requireWithin('dictionaryBytes', dictionaryBytes, 1, 2 ** 31 - 1);
  requireWithin('decodedBytes', decodedBytes, 0, Number.MAX_SAFE_INTEGER);
}

/** How many probabilities a stream of these parameters has. */
export function probabilityCount({ lc, lp }: LzmaParameters): number {
  return LITERALS + (LITERAL_CODER << (lc + lp));
}

/** What a decoder holds, bytes. */
export function lzmaDecoderBytes(parameters: LzmaParameters): number {
  const { dictionaryBytes, decodedBytes } = parameters;
  return Math.min(dictionaryBytes, decodedBytes) + 2 * probabilityCount(parameters) + INPUT_BYTES;
}

function requireWithin(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`${name} is ${value}, expected ${least} to ${most}`);
}
