import { hash } from 'node:crypto';

/** Bytes at either end that tell one file from another. */
const PRINT_BYTES = 4096;

/**
 * What the first `size` bytes of a file are known by: SHA-256 over the first 4,096 and the last 4,096 of them
 * (the same bytes twice where there are fewer), of that the first 16 bytes in hexadecimal digits. A file that
 * was replaced, or rewritten at either end, has another print; a change far from both is not noticed.
 *
 * @param read fills a buffer from a position and says how many bytes there were
 */
export async function filePrint(
  read: (into: Uint8Array, position: number) => number | Promise<number>,
  size: number,
): Promise<string> {
  const length = Math.min(PRINT_BYTES, size);
  const ends = Buffer.alloc(2 * length);
  const head = await read(ends.subarray(0, length), 0);
  const tail = await read(ends.subarray(length), size - length);
  return hash('sha256', ends.subarray(0, head + tail), 'hex').slice(0, 32);
}
