import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeBsdiff } from '../../../src/lib/delta/bsdiff/bsdiff-encoder.js';
import { imageInMemory } from '../../../src/lib/delta/image/image-bytes.js';
import { outcomeOf } from './forged-patch.js';

/** Images as they are: parts that stay, move, change a little, vanish or are new. */
const imagePair = fc
  .record({
    parts: fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 8 }),
    order: fc.array(fc.nat(11), { maxLength: 12 }),
    fresh: fc.uint8Array({ maxLength: 60 }),
    pokes: fc.array(fc.tuple(fc.nat(3000), fc.nat(255)), { maxLength: 20 }),
  })
  .map(({ parts, order, fresh, pokes }) => {
    const old = Buffer.concat(parts);
    const target = Buffer.concat(order.map((i) => parts[i] ?? fresh));
    for (const [at, value] of pokes) if (at < target.length) target[at] = value;
    return { old, target };
  });

// for bsdiff40 a library is loaded three times a patch
test.each([
  ['bsdf2', 300],
  ['bsdiff40', 12],
] as const)('a %s patch of ours gives the target back, whatever the images', async (format, numRuns) => {
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.uint8Array({ max: 1, maxLength: 400 }));
  const images = fc.oneof(imagePair, fc.record({ old: bytes, target: bytes }));
  await fc.assert(
    fc.asyncProperty(images, async ({ old, target }) => {
      const images = [imageInMemory(old), imageInMemory(target)] as const;
      const patch = Buffer.concat(await encodeBsdiff(...images, { format }, () => undefined));
      const { yielded, error } = await outcomeOf(patch, old, target.length, format);
      expect(error).toBeUndefined();
      expect(yielded.equals(target)).toBe(true);
    }),
    { numRuns },
  );
});
