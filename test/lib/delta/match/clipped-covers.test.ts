import fc from 'fast-check';
import { expect, test } from 'vitest';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import type { Covers } from '../../../../src/lib/delta/match/covers.js';
import { refineCovers } from '../../../../src/lib/delta/match/refine-covers.js';

const SIZE = 3000;

/** Covers in order of the new image from anywhere in the old one, also from its very beginning. */
const someCovers: fc.Arbitrary<Covers> = fc
  .array(fc.record({ gap: fc.nat(60), length: fc.integer({ min: 1, max: 90 }), oldAt: fc.nat(SIZE - 100) }), {
    minLength: 1,
    maxLength: 18,
  })
  .map((list) => {
    let end = 0;
    const rows = list.map(({ gap, length, oldAt }) => {
      const newAt = end + gap;
      end = newAt + length;
      return { newAt, oldAt: oldAt % 7 === 0 ? Math.min(oldAt, 12) : oldAt, length };
    });
    return {
      count: rows.length,
      newAt: Int32Array.from(rows, (row) => row.newAt),
      oldAt: Int32Array.from(rows, (row) => row.oldAt),
      length: Int32Array.from(rows, (row) => row.length),
    };
  });

test('covers that would grow beyond the beginning of the old image are clipped, and the choice ends', () => {
  fc.assert(
    fc.property(someCovers, fc.uint8Array({ minLength: SIZE, maxLength: SIZE }), (covers, old) => {
      const target = new Uint8Array(SIZE);
      for (let i = 0; i < covers.count; i++) {
        const oldAt = covers.oldAt[i]!;
        target.set(old.subarray(oldAt, oldAt + covers.length[i]!), covers.newAt[i]!);
      }
      const refined = refineCovers(covers, imageInMemory(old), imageInMemory(target), (oldAt, _newAt, length) =>
        old.subarray(oldAt, oldAt + length),
      );
      for (let i = 0, end = 0; i < refined.count; i++) {
        expect(refined.newAt[i]).toBeGreaterThanOrEqual(end);
        expect(refined.oldAt[i]).toBeGreaterThanOrEqual(0);
        expect(refined.oldAt[i]! + refined.length[i]!).toBeLessThanOrEqual(SIZE);
        end = refined.newAt[i]! + refined.length[i]!;
        expect(end).toBeLessThanOrEqual(SIZE);
      }
    }),
    { numRuns: 100 },
  );
});
