import { hash } from 'node:crypto';

/** Bytes at either end that tell one file from another. */
const PRINT_BYTES = 4096;
const LINE_FEED = 0x0a;

/** Fills a buffer from a position and says how many bytes there were. */
type ReadAt = (into: Uint8Array, position: number) => number | Promise<number>;

/**
 * What the first `size` bytes of a file are known by: SHA-256 over the first 4,096 and the last 4,096 of them
 * (the same bytes twice where there are fewer), of that the first 16 bytes in hexadecimal digits. A file that
 * was replaced, or rewritten at either end, has another print; a change far from both is not noticed.
 */
export async function filePrint(read: ReadAt, size: number): Promise<string> {
  const length = Math.min(PRINT_BYTES, size);
  const ends = Buffer.alloc(2 * length);
  const head = await read(ends.subarray(0, length), 0);
  const tail = await read(ends.subarray(length), size - length);
  return shortHash(ends.subarray(0, head + tail));
}

/**
 * What the first line of a file is known by, of which at most 4,096 bytes count. Undefined as long as there is
 * no such line.
 */
export async function firstLinePrint(read: ReadAt): Promise<string | undefined> {
  const head = Buffer.alloc(PRINT_BYTES);
  const got = await read(head, 0);
  const end = head.subarray(0, got).indexOf(LINE_FEED) + 1;
  if (end > 0) return shortHash(head.subarray(0, end));
  return got === PRINT_BYTES ? shortHash(head) : undefined;
}

function shortHash(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex').slice(0, 32);
}
