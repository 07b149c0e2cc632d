import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Content } from '../../../../src/lib/delta/match/content.js';
import { LOOKUP_CAPACITY, SEED_BYTES, SeedIndex } from '../../../../src/lib/delta/match/seed-index.js';

test('seedIndex finds each indexed place, and of many the nearest to the expected one', () => {
  const images = fc.oneof(
    fc.uint8Array({ minLength: SEED_BYTES, maxLength: 300 }),
    fc.uint8Array({ minLength: SEED_BYTES, maxLength: 300, max: 1 }),
  );
  fc.assert(
    fc.property(images, fc.integer({ min: 1, max: 4 }), fc.nat(), (bytes, step, pick) => {
      const image = new Content(Buffer.from(bytes));
      const index = new SeedIndex(image, step);
      const at = (pick % (Math.floor((bytes.length - SEED_BYTES) / step) + 1)) * step;
      const found = new Int32Array(LOOKUP_CAPACITY);
      const count = index.lookup(image.words, at, at, found);
      expect(found.subarray(0, count)).toContain(at);
    }),
  );
});

test('seedIndex of an image shorter than a seed finds nothing', () => {
  const index = new SeedIndex(new Content(Buffer.of(1, 2, 3)), 1);
  expect(index.lookup(new DataView(new ArrayBuffer(SEED_BYTES)), 0, 0, new Int32Array(LOOKUP_CAPACITY))).toBe(0);
});
