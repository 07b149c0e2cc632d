/** Little-endian words at any place of a byte array, without a DataView for each block. */

export function readWord16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

export function writeWord16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

/** @returns the word as a signed number */
export function readWord32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** Writes the low 32 bits. */
export function writeWord32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

const TWO_32 = 0x1_0000_0000;
/** Words whose upper half is beyond this are not safe integers, and no address of an image either. */
const SAFE_HIGH = 0x1f_ffff;

/** @returns the signed number; NaN when it is no safe integer */
export function readWord64(bytes: Uint8Array, at: number): number {
  const high = readWord32(bytes, at + 4);
  if (high > SAFE_HIGH || high < -SAFE_HIGH) return Number.NaN;
  return high * TWO_32 + (readWord32(bytes, at) >>> 0);
}

/** @param value a safe integer */
export function writeWord64(bytes: Uint8Array, at: number, value: number): void {
  writeWord32(bytes, at, value | 0);
  writeWord32(bytes, at + 4, Math.floor(value / TWO_32));
}
