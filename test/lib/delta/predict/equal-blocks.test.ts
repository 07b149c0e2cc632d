import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CoverList } from '../../../../src/lib/delta/match/cover-list.js';
import type { Covers } from '../../../../src/lib/delta/match/covers.js';
import { BlockCursor } from '../../../../src/lib/delta/predict/blocks.js';
import { EqualBlocks } from '../../../../src/lib/delta/predict/equal-blocks.js';
import { coveredImages } from '../../../support/covered-images.js';
import { strictImage } from '../../../support/strict-image.js';

/** Stretches of 16 KiB are compared at once: covers and blocks lie on either side of that. */
const lengths = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 16_000, max: 80_000 }));

test('EqualBlocks tells of every block what comparing it tells, whatever the covers', () => {
  fc.assert(
    fc.property(coveredImages(lengths), fc.integer({ min: 6, max: 16 }), ({ old, target, covers }, blockBits) => {
      const equal = new EqualBlocks(strictImage(old), strictImage(target));
      const block = new BlockCursor(covers, blockBits);
      while (block.next()) {
        const { oldAt, newAt, length } = block;
        const compared = Buffer.compare(old.subarray(oldAt, oldAt + length), target.subarray(newAt, newAt + length));
        expect(equal.has(block), `block of ${length} bytes at ${newAt}`).toBe(compared === 0);
      }
    }),
    { numRuns: 80 },
  );
});

test('EqualBlocks may be asked for some blocks only, as long as they come in order', () => {
  fc.assert(
    fc.property(
      coveredImages(lengths),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 50 }),
      ({ old, target, covers }, asked) => {
        const equal = new EqualBlocks(strictImage(old), strictImage(target));
        const block = new BlockCursor(covers, 9);
        while (block.next()) {
          if (!asked[block.index % asked.length]) continue;
          const { oldAt, newAt, length } = block;
          const compared = Buffer.compare(old.subarray(oldAt, oldAt + length), target.subarray(newAt, newAt + length));
          expect(equal.has(block)).toBe(compared === 0);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('EqualBlocks tells the same when matching knows some stretches to be equal, and reads nothing of those', () => {
  const parts = fc.array(fc.nat(400), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(
      coveredImages(lengths),
      parts,
      fc.integer({ min: 6, max: 12 }),
      ({ old, target, covers }, cuts, bits) => {
        const exact = equalParts(old, target, covers, cuts);
        const equal = new EqualBlocks(strictImage(old), strictImage(target), exact);
        const block = new BlockCursor(covers, bits);
        while (block.next()) {
          const { oldAt, newAt, length } = block;
          const compared = Buffer.compare(old.subarray(oldAt, oldAt + length), target.subarray(newAt, newAt + length));
          expect(equal.has(block)).toBe(compared === 0);
        }
        const unread = { size: target.length, view: () => expect.unreachable('a known stretch was read') };
        const known = new EqualBlocks(unread, unread, exact);
        const inside = new BlockCursor(exact, bits);
        while (inside.next()) expect(known.has(inside)).toBe(true);
      },
    ),
    { numRuns: 50 },
  );
});

/** Covers that are the same in both images, without some bytes at either end. */
function equalParts(old: Uint8Array, target: Uint8Array, covers: Covers, cuts: readonly number[]): Covers {
  const list = new CoverList();
  for (let i = 0; i < covers.count; i++) {
    const [oldAt, newAt, length] = [covers.oldAt[i]!, covers.newAt[i]!, covers.length[i]!];
    if (Buffer.compare(old.subarray(oldAt, oldAt + length), target.subarray(newAt, newAt + length)) !== 0) continue;
    const cut = cuts[i % cuts.length]!;
    if (length > 2 * cut) list.add(newAt + cut, oldAt + cut, length - 2 * cut);
  }
  return list.covers();
}
