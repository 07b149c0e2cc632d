import { describe, expect, test } from 'vitest';
import type { RandomAccess } from '../../../src/lib/core/random-access.js';
import { containerBytes } from '../../../src/lib/package/write-container.js';

const SIZE = 30_000_000;

/** A container with one payload, of which this many reads succeed. */
function containerFailing(reads: number): AsyncIterable<Uint8Array> {
  const data: RandomAccess = {
    name: 'app.full',
    size: SIZE,
    read: async (into) => {
      if (reads-- === 0) throw new Error('the disk is gone');
      return into.length;
    },
  };
  const payloads = [{ file: 'app-full.full', size: SIZE, data }];
  return containerBytes({ metadataBytes: Buffer.from('{}'), signatureBytes: Buffer.from('{}'), roots: [], payloads });
}

async function take(container: AsyncIterable<Uint8Array>, maxBytes: number): Promise<number> {
  let size = 0;
  for await (const bytes of container) {
    size += bytes.length;
    if (size >= maxBytes) break;
    await new Promise(setImmediate); // a slow consumer: the queues behind it are full
  }
  return size;
}

// What nobody catches in here would end the process; the test runner tells of it.
describe('a container that ends early', () => {
  test.each([0, 1, 2, 5, 20])('throws what reading a payload threw after %i reads', async (reads) => {
    await expect(take(containerFailing(reads), SIZE)).rejects.toThrow('the disk is gone');
    await new Promise(setImmediate);
  });

  test.each([1, 1_000_000, 20_000_000])('lets a consumer leave after %i bytes', async (bytes) => {
    expect(await take(containerFailing(-1), bytes)).toBeLessThan(SIZE);
    await new Promise(setImmediate);
  });
});
