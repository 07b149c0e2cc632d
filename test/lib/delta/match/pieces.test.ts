import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CoverList } from '../../../../src/lib/delta/match/cover-list.js';
import { imageCovers } from '../../../../src/lib/delta/match/image-covers.js';
import { outside, Pieces } from '../../../../src/lib/delta/match/pieces.js';
import { Stretches } from '../../../../src/lib/delta/match/stretches.js';
import { coveredImages, noise } from '../../../support/covered-images.js';
import { strictImage } from '../../../support/strict-image.js';

/** Pieces of an image of so many bytes: apart, beside each other, up to its very end. */
const piecesOf = (size: number): fc.Arbitrary<Pieces> =>
  fc.array(fc.tuple(fc.constantFrom(0, 1, 30, 200), fc.integer({ min: 1, max: 90 })), { maxLength: 8 }).map((parts) => {
    let at = 0;
    const ranges: [number, number][] = [];
    for (const [gap, length] of parts) {
      const to = Math.min(at + gap + length, size);
      if (at + gap < to) ranges.push([at + gap, to]);
      at = to;
    }
    return new Pieces(ranges);
  });

const SIZE = 1500;
const old = noise(SIZE, 1);
/** Where each place of pieces is in the image. */
const positions = (pieces: Pieces) => Array.from({ length: pieces.size }, (_, place) => pieces.partFrom(place).imageAt);

describe('Pieces', () => {
  test('hold the bytes of the image at the places that they tell', () => {
    fc.assert(
      fc.property(piecesOf(SIZE), (pieces) => {
        const at = positions(pieces);
        expect([...pieces.collect(strictImage(old), undefined)]).toEqual(at.map((position) => old[position]));
        for (const [place, position] of at.entries()) expect(pieces.placeOf(position)).toBe(place);
        let placesBefore = 0;
        for (let position = 0; position < SIZE; position++) {
          expect(pieces.placeNear(position)).toBe(placesBefore);
          if (at[placesBefore] === position) placesBefore++;
          else expect(pieces.placeOf(position)).toBeUndefined();
        }
      }),
      { numRuns: 100 },
    );
  });

  test('of pieces are the same bytes of the image, also around a place at either end', () => {
    fc.assert(
      fc.property(piecesOf(SIZE), fc.nat(900), fc.nat(900), (pieces, a, b) => {
        const [from, to] = [Math.min(a, b, pieces.size), Math.min(Math.max(a, b), pieces.size)];
        expect(positions(pieces.part(from, to))).toEqual(positions(pieces).slice(from, to));
        const size = Math.min(b, pieces.size);
        const around = pieces.partAround(Math.min(a, pieces.size), size);
        expect(around.size).toBe(size);
        const first = positions(around)[0];
        const start = first === undefined ? 0 : positions(pieces).indexOf(first);
        expect(positions(around)).toEqual(positions(pieces).slice(start, start + size));
      }),
      { numRuns: 100 },
    );
  });

  test('are masked as the whole image is, where the mask looks at what is around a byte', () => {
    const mask = (bytes: Uint8Array) => {
      const before = Uint8Array.from(bytes);
      for (let i = 2; i + 2 < bytes.length; i++) if (before[i - 2]! < before[i + 2]!) bytes[i] = 0;
    };
    const whole = Uint8Array.from(old);
    mask(whole);
    fc.assert(
      fc.property(piecesOf(SIZE), (pieces) => {
        const expected = positions(pieces).map((position) => whole[position]);
        expect([...pieces.collect(strictImage(old), mask)]).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  test('outside of ranges are all other bytes, whatever order the ranges have', () => {
    const ranges = fc.array(
      fc.tuple(fc.nat(SIZE), fc.nat(SIZE)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
    );
    fc.assert(
      fc.property(ranges, (taken) => {
        const isTaken = (at: number) => taken.some(([from, to]) => at >= from && at < to);
        const rest = Array.from({ length: SIZE }, (_, at) => at).filter((at) => !isTaken(at));
        expect(positions(outside(SIZE, taken))).toEqual(rest);
      }),
      { numRuns: 100 },
    );
  });
});

test('covers between pieces become covers between images that join the same bytes', () => {
  const jobs = fc.record({
    olds: piecesOf(SIZE),
    targets: piecesOf(SIZE),
    cuts: fc.array(fc.nat(5000), { maxLength: 12 }),
  });
  fc.assert(
    fc.property(jobs, ({ olds, targets, cuts }) => {
      const list = new CoverList();
      const expected = new Map<number, number>();
      let at = 0;
      for (const cut of cuts) {
        const newAt = at + (cut % 5);
        const oldAt = cut % Math.max(1, olds.size);
        const length = Math.min(1 + (cut % 97), targets.size - newAt, olds.size - oldAt);
        if (length <= 0) break;
        list.add(newAt, oldAt, length);
        for (let i = 0; i < length; i++)
          expected.set(targets.partFrom(newAt + i).imageAt, olds.partFrom(oldAt + i).imageAt);
        at = newAt + length;
      }
      const { count, newAt, oldAt, length } = imageCovers(list.covers(), olds, targets);
      const joined = new Map<number, number>();
      for (let i = 0, end = 0; i < count; i++) {
        expect(newAt[i]).toBeGreaterThanOrEqual(end);
        end = newAt[i]! + length[i]!;
        for (let k = 0; k < length[i]!; k++) joined.set(newAt[i]! + k, oldAt[i]! + k);
      }
      expect(joined).toEqual(expected);
    }),
    { numRuns: 150 },
  );
});

test('stretches taken beforehand and the covers of the rest are, joined, covers in order without a hole between', () => {
  fc.assert(
    fc.property(coveredImages(fc.integer({ min: 300, max: 3000 })), ({ covers, target: image }) => {
      const stretches = new Stretches(covers);
      const rest = stretches.restOfTarget(image.length);
      // what is left of each stretch goes on on its diagonal, as a search would find it
      const list = new CoverList();
      for (let i = 0; i < covers.count; i++) {
        for (const edge of [covers.newAt[i]!, covers.newAt[i]! + covers.length[i]! - 128])
          list.add(edge, edge + covers.oldAt[i]! - covers.newAt[i]!, 128);
      }
      const joined = stretches.joined(list.covers());
      let bytes = 0;
      for (let i = 0, end = 0; i < joined.count; i++) {
        expect(joined.newAt[i]).toBeGreaterThanOrEqual(end);
        end = joined.newAt[i]! + joined.length[i]!;
        bytes += joined.length[i]!;
      }
      const oldOf = (newAt: number) => {
        const i = joined.newAt.findLastIndex((start) => start <= newAt);
        return joined.oldAt[i]! + newAt - joined.newAt[i]!;
      };
      for (let i = 0; i < covers.count; i++)
        for (const offset of [0, covers.length[i]! - 1])
          expect(oldOf(covers.newAt[i]! + offset)).toBe(covers.oldAt[i]! + offset);
      expect(bytes).toBe(covers.length.reduce((sum, length) => sum + length, 0));
      expect(joined.count).toBeLessThanOrEqual(covers.count);
      expect(rest.size).toBe(image.length - bytes + 256 * covers.count);
    }),
    { numRuns: 100 },
  );
});
