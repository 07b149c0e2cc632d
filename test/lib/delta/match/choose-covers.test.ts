import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseCovers } from '../../../../src/lib/delta/match/choose-covers.js';
import { Content } from '../../../../src/lib/delta/match/content.js';
import { TRIPLE_COSTS, TYPICAL_COSTS } from '../../../../src/lib/delta/match/cost-model.js';
import { SegmentList } from '../../../../src/lib/delta/match/segments.js';

const TAIL_BYTES = 4000;
/** Costs are held in 32 bits: those of so many bytes without cover would no longer fit. */
const WRAPPING_BYTES = Math.ceil(2 ** 31 / TYPICAL_COSTS.literal);
/** No byte repeats the one before it. */
const counted = (size: number) => Buffer.alloc(size).map((_, i) => i ^ (i >>> 8)) as Buffer;

const old = new Content(counted(TAIL_BYTES));
const longest = counted(2 * WRAPPING_BYTES + TAIL_BYTES + 100);

interface Row {
  from: number;
  length: number;
  oldAt: number;
}

/** Chooses among segments that lie behind a stretch without any; covers are told from its end on. */
function chosenBehind(stretchBytes: number, rows: readonly Row[]) {
  const target = Buffer.from(longest.buffer, longest.byteOffset, stretchBytes + TAIL_BYTES);
  const segments = new SegmentList();
  for (const { from, length, oldAt } of rows.toSorted((a, b) => a.from - b.from)) {
    const start = stretchBytes + from;
    segments.add(start, Math.min(start + length, target.length), oldAt - start);
  }
  const { count, newAt, oldAt, length } = chooseCovers(segments, old, new Content(target), TYPICAL_COSTS);
  return Array.from({ length: count }, (_, i) => [newAt[i]! - stretchBytes, oldAt[i], length[i]]);
}

test('covers do not depend on how long a stretch without any lies before them', () => {
  const segment = fc.record({
    from: fc.nat(TAIL_BYTES - 100),
    length: fc.integer({ min: 1, max: 90 }),
    oldAt: fc.nat(TAIL_BYTES - 100),
  });
  // whole rounds of the pattern, so that both targets have the same bytes behind the stretch
  const rounds = fc.constantFrom(1, 40, 79, 80).map((count) => count * 65_536);
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 8 }), rounds, (rows, stretchBytes) => {
      expect(chosenBehind(stretchBytes, rows)).toEqual(chosenBehind(65_536 * 2, rows));
    }),
    { numRuns: 8 },
  );
});

test('a table of few values is not covered by one that differs in every word, a table of many is', () => {
  const size = 16_384;
  const spread = (i: number) => Math.imul(i, 0x9e3779b1) >>> 24;
  const table = (values: number) => Buffer.alloc(size).map((_, i) => (i % 4 < 2 ? spread(i) % values : 0)) as Buffer;
  const coversOf = (values: number) => {
    const target = table(values);
    // one of two small numbers in each word is another
    const before = target.map((byte, i) => (i % 4 === 0 ? spread(byte * 4096 + i) : byte)) as Buffer;
    const segments = new SegmentList();
    segments.add(0, size, 0);
    return chooseCovers(segments, new Content(before), new Content(target), TRIPLE_COSTS).count;
  };
  expect(coversOf(2)).toBe(0);
  expect(coversOf(256)).toBe(1);
});
