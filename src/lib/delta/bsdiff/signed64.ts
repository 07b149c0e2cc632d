/**
 * The integers of bsdiff: 64 bits, little-endian, sign and magnitude (the top
 * bit of the last byte is the sign; two's complement is not used).
 *
 * @returns the value, or undefined when its magnitude is beyond 2^53 − 1,
 *   which no real size or offset is
 */
export function readSigned64(bytes: Uint8Array, at: number): number | undefined {
  const high = readUint32(bytes, at + 4);
  const magnitude = (high & 0x7fff_ffff) * 2 ** 32 + readUint32(bytes, at);
  if (magnitude > Number.MAX_SAFE_INTEGER) return undefined;
  return high >= 0x8000_0000 && magnitude !== 0 ? -magnitude : magnitude;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Writes a safe integer as {@link readSigned64} reads it. */
export function writeSigned64(bytes: Uint8Array, at: number, value: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 8);
  const magnitude = Math.abs(value);
  view.setUint32(0, magnitude % 2 ** 32, true);
  view.setUint32(4, Math.floor(magnitude / 2 ** 32), true);
  if (value < 0) view.setUint8(7, view.getUint8(7) | 0x80);
}
