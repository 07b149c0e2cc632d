import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import type { RandomAccess } from '../../../src/lib/core/random-access.js';
import { applyDelta } from '../../../src/lib/delta/apply-delta.js';
import { applyMemoryBytes, brotliWindowBytes } from '../../../src/lib/delta/apply-memory.js';
import { inspectPatch } from '../../../src/lib/delta/inspect-patch.js';
import { type ForgedPatch, forgePatch } from './forged-patch.js';

const MEBIBYTE = 1024 * 1024;

/** An old image of any size that takes no memory. */
const sevens = (size: number): RandomAccess => ({
  name: 'sevens',
  size,
  read: async (into) => {
    into.fill(7);
    return into.length;
  },
});

/** How much the memory outside of the JavaScript heap grew at most while the image was made. */
async function peakBytes(patch: RandomAccess, size: number): Promise<number> {
  const before = process.memoryUsage().external;
  let peak = 0;
  let made = 0;
  for await (const chunk of applyDelta({ format: 'bsdf2', patch, base: sevens(size), targetSize: size })) {
    made += chunk.length;
    peak = Math.max(peak, process.memoryUsage().external - before);
  }
  expect(made).toBe(size);
  return peak;
}

describe('applying to a large image takes at most 32 MiB beside the heap', () => {
  const zeros45 = () => readFile(join(import.meta.dirname, '../../fixtures/patches/bzip2/zeros-45-mb.bz2'));

  test.each<[name: string, size: number, parts: () => Promise<ForgedPatch>]>([
    ['brotli, 200 MB', 200_000_000, async () => ({ diff: Buffer.alloc(200_000_000) })],
    ['bzip2, one block of 45 MB', 45_000_000, async () => ({ compressors: [2, 1, 2], diff: await zeros45() })],
    ['stored, 45 MB', 45_000_000, async () => ({ compressors: [2, 0, 2], diff: Buffer.alloc(45_000_000) })],
  ])('%s', async (_, size, parts) => {
    const patch = memoryAccess(forgePatch({ triples: [[size, 0, 0]], targetSize: size, ...(await parts()) }), 'patch');
    const most = await applyMemoryBytes(patch, await inspectPatch('bsdf2', patch), size);
    expect(most).toBeLessThanOrEqual(32 * MEBIBYTE);
    expect(await peakBytes(patch, size)).toBeLessThanOrEqual(32 * MEBIBYTE);
  });
});

test.each([
  [0b0000_1100, 2 ** 16], // a zero bit alone: 16
  [0b0000_0011, 2 ** 18],
  [0b0000_1111, 2 ** 24],
  [0b0000_0001, 2 ** 17],
  [0b0010_0001, 2 ** 10],
  [0b0111_0001, 2 ** 15],
])('a brotli stream that starts with %i has a window of %i bytes', (firstByte, bytes) => {
  expect(brotliWindowBytes(firstByte)).toBe(bytes);
});
