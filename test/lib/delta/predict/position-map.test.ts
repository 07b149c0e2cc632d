import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Covers } from '../../../../src/lib/delta/match/covers.js';
import { PositionMap } from '../../../../src/lib/delta/predict/position-map.js';

type Cover = readonly [newAt: number, oldAt: number, length: number];

const columns = (covers: readonly Cover[]): Covers => ({
  count: covers.length,
  newAt: Int32Array.from(covers, ([newAt]) => newAt),
  oldAt: Int32Array.from(covers, ([, oldAt]) => oldAt),
  length: Int32Array.from(covers, ([, , length]) => length),
});

/** Where the longest cover of a place puts it, of equal ones the first. */
function claimedPlace(covers: readonly Cover[], at: number): number | undefined {
  const claims = covers.filter(([, oldAt, length]) => at >= oldAt && at < oldAt + length);
  const best = claims.toSorted((a, b) => b[2] - a[2])[0];
  return best === undefined ? undefined : best[0] + (at - best[1]);
}

/** How far the nearest place that a cover claims is, and where it puts it. */
function nearestShifts(covers: readonly Cover[], at: number): number[] {
  for (let distance = 1; distance < 2000; distance++) {
    const shifts = [at - distance, at + distance].flatMap((place) => {
      const put = claimedPlace(covers, place);
      return put === undefined ? [] : [put - place];
    });
    if (shifts.length > 0) return shifts;
  }
  return [0];
}

describe('PositionMap', () => {
  test('follows the longest cover, and outside of all the nearest', () => {
    const cover = fc.tuple(fc.nat(400), fc.nat(600), fc.integer({ min: 1, max: 60 }));
    fc.assert(
      fc.property(fc.array(cover, { maxLength: 12 }), fc.array(fc.nat(800), { minLength: 20 }), (covers, places) => {
        const map = new PositionMap(columns(covers));
        for (const place of places) {
          const put = map.newPlace(place);
          const claimed = claimedPlace(covers, place);
          if (claimed !== undefined) expect(put).toBe(claimed);
          else expect(nearestShifts(covers, place)).toContain(put - place);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('looks up places in the last byte of 2 GiB', () => {
    const map = new PositionMap(columns([[0, 2 ** 31 - 9, 8]]));
    expect(map.newPlace(2 ** 31 - 2)).toBe(7);
    expect(map.newPlace(2 ** 31 - 1)).toBe(8);
    expect(map.newPlace(0)).toBe(9 - 2 ** 31);
  });
});
