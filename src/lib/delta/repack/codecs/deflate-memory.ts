/** A window and tables. */
export const INFLATE_BYTES = 256 * 1024;

/** Window, hashes and symbols, and the pieces of output that wait to be joined. */
export function deflateEncoderBytes(_settings: Uint8Array, unpackedBytes: number): number {
  return 2 * 1024 * 1024 + unpackedBytes;
}
