/** Addresses that a unit's pointers may hold: from `low` up to but not including `high`. */
export interface PointerRange {
  readonly low: number;
  readonly high: number;
}

/**
 * Masks references in a part of an image that lies in one segment.
 *
 * What becomes of a byte depends on nothing but the bytes near it and their address.
 *
 * @param bytes   is changed from `from` to `to`, and not read elsewhere
 * @param address of bytes[from]
 * @param range   of the pointers of the segment's unit
 */
export type Masker = (bytes: Uint8Array, from: number, to: number, address: number, range: PointerRange) => void;

/** What stands for each byte of a pointer: unlike the null pointer that may stand beside it. */
const POINTER_BYTE = 0x55;

/** Masks aligned words of 32 bits that lie in the range. */
export function maskPointers32(
  bytes: Uint8Array,
  from: number,
  to: number,
  address: number,
  range: PointerRange,
): void {
  const { low, high } = range;
  for (let at = from + (-address & 3); at + 4 <= to; at += 4) {
    const word = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
    if (word >= low && word < high) {
      // the lowest bit tells Thumb code from data
      bytes[at] = (POINTER_BYTE & 0xfe) | (word & 1);
      bytes[at + 1] = bytes[at + 2] = bytes[at + 3] = POINTER_BYTE;
    }
  }
}

const TWO_32 = 2 ** 32;

/** Masks the lower halves of aligned words of 64 bits that lie in the range. */
export function maskPointers64(
  bytes: Uint8Array,
  from: number,
  to: number,
  address: number,
  range: PointerRange,
): void {
  const { low, high } = range;
  const lowest = Math.floor(low / TWO_32);
  const highest = Math.floor(high / TWO_32);
  for (let at = from + (-address & 7); at + 8 <= to; at += 8) {
    const upper = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
    if (upper < lowest || upper > highest) continue;
    const lower = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
    const word = upper * TWO_32 + lower;
    if (word >= low && word < high) bytes.fill(POINTER_BYTE, at, at + 4);
  }
}
