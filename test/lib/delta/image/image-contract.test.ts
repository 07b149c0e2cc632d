import { closeSync, openSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeBsdiff } from '../../../../src/lib/delta/bsdiff/bsdiff-encoder.js';
import {
  type ImageBytes,
  imageInFile,
  imageInMemory,
  MAX_VIEW_BYTES,
} from '../../../../src/lib/delta/image/image-bytes.js';
import { wholeImage } from '../../../../src/lib/delta/image/whole-image.js';
import { encodeOtad } from '../../../../src/lib/delta/otad/encode-otad.js';
import { noise } from '../../../support/covered-images.js';
import { realFirmware } from '../../../support/firmware.js';
import { testFolder } from '../../../support/folder.js';
import { strictImage } from '../../../support/strict-image.js';

type Encoder = (old: ImageBytes, target: ImageBytes) => Promise<Uint8Array[]>;

describe('what makes patches asks images for no more than they promise, and reads a view before the next', () => {
  const otad =
    (choices: Parameters<typeof encodeOtad>[2]): Encoder =>
    (old, target) =>
      encodeOtad(old, target, choices, () => undefined);

  test.each<[string, Encoder]>([
    ['otad, packed by mixing', otad({})],
    ['otad, not packed', otad({ coder: 'none', effort: 'fast' })],
    ['otad for a single slot', otad({ coder: 'none', effort: 'fast', inPlace: { blockBytes: 4096 } })],
    ['bsdf2', (old, target) => encodeBsdiff(old, target, { format: 'bsdf2', effort: 'fast' }, () => undefined)],
  ])('%s', async (_, encode) => {
    const { old, new: target } = await realFirmware('movehub');
    const expected = Buffer.concat(await encode(imageInMemory(old), imageInMemory(target)));
    const made = Buffer.concat(await encode(strictImage(old), strictImage(target)));
    expect(made.equals(expected)).toBe(true);
  });
});

describe('an image in a file', () => {
  const BYTES = noise(4 * MAX_VIEW_BYTES + 300_000, 7);
  /** About the sizes of the windows through which it is read, and small ones. */
  const sizes = fc.oneof(
    fc
      .constantFrom(0, 1, 32 * 1024, 128 * 1024, MAX_VIEW_BYTES, 4 * MAX_VIEW_BYTES)
      .chain((size) => fc.integer({ min: -2, max: 2 }).map((more) => Math.max(0, size + more))),
    fc.integer({ min: 0, max: BYTES.length }),
  );
  const share = fc.oneof(
    fc.constantFrom(0, 1),
    fc.integer({ min: 0, max: 1000 }).map((thousandths) => thousandths / 1000),
  );
  const lengths = fc.oneof(
    fc.nat(64),
    fc.integer({ min: 32_766, max: 32_770 }),
    fc.integer({ min: 0, max: MAX_VIEW_BYTES }),
  );

  test('shows the same as one in memory, whatever was viewed before', async () => {
    await using folder = await testFolder();
    await writeFile(folder.file('image'), BYTES);
    const descriptor = openSync(folder.file('image'), 'r');
    try {
      fc.assert(
        fc.property(sizes, fc.array(fc.tuple(share, lengths), { maxLength: 40 }), (size, views) => {
          const image = imageInFile(descriptor, size);
          for (const [where, wanted] of views) {
            const length = Math.min(wanted, size);
            const at = Math.floor(where * (size - length));
            expect(
              Buffer.compare(image.view(at, length), BYTES.subarray(at, at + length)),
              `${length} from ${at}`,
            ).toBe(0);
          }
        }),
        { numRuns: 40 },
      );
      expect(wholeImage(imageInFile(descriptor, BYTES.length)).equals(BYTES)).toBe(true);
    } finally {
      closeSync(descriptor);
    }
  });

  test('that became shorter says so instead of showing what was there', async () => {
    await using folder = await testFolder();
    await writeFile(folder.file('image'), BYTES.subarray(0, 500_000));
    const descriptor = openSync(folder.file('image'), 'r');
    try {
      const image = imageInFile(descriptor, 500_000);
      image.view(0, 10);
      await truncate(folder.file('image'), 400_000);
      expect(() => image.view(450_000, 10)).toThrow('the image ended at byte 400000 while it was read');
    } finally {
      closeSync(descriptor);
    }
  });
});
