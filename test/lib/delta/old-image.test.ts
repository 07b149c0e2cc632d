import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import type { RandomAccess } from '../../../src/lib/core/random-access.js';
import { OLD_PAGE_BYTES, OldImage } from '../../../src/lib/delta/old-image.js';

const SIZE = 300 * OLD_PAGE_BYTES + 77;
const bytes = Uint8Array.from({ length: SIZE }, (_, i) => Math.imul(i, 0x9e37_79b1) >>> 24);
const near = memoryAccess(bytes, 'old');
const far: RandomAccess = { name: 'old', size: SIZE, read: near.read };

const stretch = (most: number) =>
  fc
    .tuple(fc.nat(SIZE - 1), fc.nat(most - 1))
    .map(([at, length]): [at: number, length: number] => [at, Math.min(length + 1, SIZE - at)]);

describe.each([
  ['read at once', near],
  ['that has to be waited for', far],
])('an old image %s', (_, source) => {
  test('gives the bytes of every place, in whatever order they are asked for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stretch(OLD_PAGE_BYTES), { maxLength: 300 }), async (stretches) => {
        const old = new OldImage(source);
        for (const [at, length] of stretches) {
          const view = await old.view(at, length);
          expect(Buffer.compare(view, bytes.subarray(at, at + length))).toBe(0);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('copies stretches of any length', async () => {
    const old = new OldImage(source);
    await fc.assert(
      fc.asyncProperty(stretch(5 * OLD_PAGE_BYTES), async ([at, length]) => {
        const copy = new Uint8Array(length);
        await old.copy(at, copy);
        expect(Buffer.compare(copy, bytes.subarray(at, at + length))).toBe(0);
      }),
    );
  });
});

test('an old image that can be read at once never makes the applier wait', () => {
  const old = new OldImage(near);
  expect(old.view(OLD_PAGE_BYTES - 10, 20)).toBeInstanceOf(Uint8Array);
  expect(old.copy(5, new Uint8Array(3 * OLD_PAGE_BYTES))).toBeUndefined();
});

test('an old image that became shorter is an input failure', async () => {
  const short = { ...near, size: SIZE + 1 };
  expect(() => new OldImage(short).view(SIZE - 10, 11)).toThrow('became shorter');
  await expect(new OldImage({ ...far, size: SIZE + 1 }).view(SIZE - 10, 11)).rejects.toThrow('became shorter');
});
