import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coversOf } from '../../../../src/lib/delta/inplace/block-covers.js';
import { partsOf, totalBytes } from '../../../../src/lib/delta/inplace/old-ranges.js';
import { type InPlacePlan, planInPlace } from '../../../../src/lib/delta/inplace/plan-in-place.js';
import type { Covers } from '../../../../src/lib/delta/match/covers.js';

const BLOCK = 64;

interface Case {
  oldSize: number;
  targetSize: number;
  covers: Covers;
}

/** Covers with these `[gap, length, oldAt]`, clipped to both images. */
function caseOf(oldSize: number, targetSize: number, pieces: readonly (readonly [number, number, number])[]): Case {
  const columns = { newAt: [] as number[], oldAt: [] as number[], length: [] as number[] };
  let end = 0;
  for (const [gap, wanted, at] of pieces) {
    const newAt = end + gap;
    const oldAt = at % oldSize;
    const length = Math.min(wanted, targetSize - newAt, oldSize - oldAt);
    if (length <= 0) continue;
    columns.newAt.push(newAt);
    columns.oldAt.push(oldAt);
    columns.length.push(length);
    end = newAt + length;
  }
  return { oldSize, targetSize, covers: coversOf(columns) };
}

const cases = fc
  .record({
    oldSize: fc.integer({ min: 1, max: 4000 }),
    targetSize: fc.integer({ min: 1, max: 4000 }),
    pieces: fc.array(fc.tuple(fc.nat(100), fc.integer({ min: 1, max: 500 }), fc.nat(4000)), { maxLength: 40 }),
  })
  .map(({ oldSize, targetSize, pieces }) => caseOf(oldSize, targetSize, pieces));

const coveredBytes = ({ count, length }: Covers) => length.subarray(0, count).reduce((sum, bytes) => sum + bytes, 0);

/** Which cover of the original ones says the same of this piece: `newAt` and `oldAt` of each byte that is covered. */
function mapOf({ count, newAt, oldAt, length }: Covers): Map<number, number> {
  const map = new Map<number, number>();
  for (let i = 0; i < count; i++) for (let b = 0; b < length[i]!; b++) map.set(newAt[i]! + b, oldAt[i]! + b);
  return map;
}

/** Executes the plan over one buffer, and counts bytes that are read after they were overwritten. */
function staleBytes({ oldSize, targetSize }: Case, plan: InPlacePlan, unchanged: (block: number) => boolean): number {
  const overwritten = new Uint8Array(Math.max(oldSize, targetSize));
  const { covers, stash, order } = plan;
  let stale = 0;
  for (const block of order) {
    const end = Math.min(targetSize, (block + 1) * BLOCK);
    for (let i = 0; i < covers.count; i++) {
      if (Math.floor(covers.newAt[i]! / BLOCK) !== block) continue;
      for (const part of partsOf(stash, covers.oldAt[i]!, covers.length[i]!)) {
        if (part.range !== undefined) continue;
        stale += overwritten.subarray(part.oldAt, part.oldAt + part.length).reduce((sum, byte) => sum + byte, 0);
      }
    }
    if (!unchanged(block)) overwritten.fill(1, block * BLOCK, end);
  }
  return stale;
}

function expectSound(one: Case, plan: InPlacePlan, unchanged: (block: number) => boolean = () => false): void {
  const blocks = Math.ceil(one.targetSize / BLOCK);
  expect(Array.from(plan.order).sort((a, b) => a - b)).toEqual(Array.from({ length: blocks }, (_, i) => i));
  expect(staleBytes(one, plan, unchanged)).toBe(0);
  const before = mapOf(one.covers);
  const after = mapOf(plan.covers);
  for (const [newAt, oldAt] of after) expect(before.get(newAt)).toBe(oldAt);
  const { count, newAt, length } = plan.covers;
  for (let i = 0; i < count; i++) {
    expect(length[i]).toBeGreaterThan(0);
    expect(Math.floor((newAt[i]! + length[i]! - 1) / BLOCK)).toBe(Math.floor(newAt[i]! / BLOCK));
    if (i > 0) expect(newAt[i]).toBeGreaterThanOrEqual(newAt[i - 1]! + length[i - 1]!);
  }
}

describe('planInPlace', () => {
  test('never lets a block read what was overwritten, whatever the covers, the sizes and the space', () => {
    fc.assert(
      fc.property(cases, fc.nat(20), fc.array(fc.nat(70), { maxLength: 20 }), (one, spareBlocks, same) => {
        const isUnchanged = (block: number) => same.includes(block);
        const spaceBytes = BLOCK * (1 + spareBlocks);
        const plan = planInPlace(one.covers, one.targetSize, { blockBytes: BLOCK, spaceBytes, isUnchanged });
        expectSound(one, plan, isUnchanged);
        expect(plan.spaceBytes).toBeLessThanOrEqual(spaceBytes);
        expect(totalBytes(plan.stash)).toBeLessThanOrEqual(plan.spaceBytes - BLOCK);
      }),
      { numRuns: 150 },
    );
  });

  test('loses nothing with space for everything that is read too late', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const plan = planInPlace(one.covers, one.targetSize, { blockBytes: BLOCK, spaceBytes: 100 * BLOCK });
        expect(coveredBytes(plan.covers)).toBe(coveredBytes(one.covers));
      }),
      { numRuns: 100 },
    );
  });

  test.each([
    ['forward, from the end', 30],
    ['backward, from the start', -30],
    ['by many blocks', 700],
    ['not at all', 0],
  ])('loses nothing where an image only moved: %s', (_, shift) => {
    const from = Math.max(0, -shift);
    const one = caseOf(4000, 4000 + Math.max(0, shift), [[Math.max(0, shift), 4000 - from, from]]);
    const plan = planInPlace(one.covers, one.targetSize, { blockBytes: BLOCK, spaceBytes: BLOCK });
    expectSound(one, plan);
    expect(coveredBytes(plan.covers)).toBe(coveredBytes(one.covers));
    expect(plan.spaceBytes).toBe(BLOCK);
  });

  test('loses the smaller side where two parts changed places, or saves it', () => {
    const [small, large] = [10 * BLOCK, 50 * BLOCK];
    const one = caseOf(small + large, small + large, [
      [0, large, small],
      [0, small, 0],
    ]);
    const plan = planInPlace(one.covers, one.targetSize, { blockBytes: BLOCK, spaceBytes: BLOCK });
    expectSound(one, plan);
    expect(coveredBytes(one.covers) - coveredBytes(plan.covers)).toBe(small);
    const spacious = planInPlace(one.covers, one.targetSize, { blockBytes: BLOCK, spaceBytes: BLOCK + small });
    expectSound(one, spacious);
    expect(coveredBytes(spacious.covers)).toBe(coveredBytes(one.covers));
    expect(spacious.spaceBytes).toBe(BLOCK + small);
  });

  test('reads from blocks that stay the same at any time', () => {
    const one = caseOf(2 * BLOCK, 2 * BLOCK, [
      [0, BLOCK, BLOCK],
      [0, BLOCK, 0],
    ]);
    const plan = planInPlace(one.covers, one.targetSize, {
      blockBytes: BLOCK,
      spaceBytes: BLOCK,
      isUnchanged: (block) => block === 0,
    });
    expect(coveredBytes(plan.covers)).toBe(2 * BLOCK);
  });

  test('saves first what several blocks read', () => {
    // Blocks 1 and 2 want block 0, block 0 wants a little of both.
    const one = caseOf(3 * BLOCK, 3 * BLOCK, [
      [0, 30, BLOCK],
      [0, 30, 2 * BLOCK],
      [4, BLOCK, 0],
      [0, BLOCK, 0],
    ]);
    const plan = planInPlace(one.covers, one.targetSize, { blockBytes: BLOCK, spaceBytes: 2 * BLOCK });
    expectSound(one, plan);
    expect(coveredBytes(plan.covers)).toBe(coveredBytes(one.covers));
  });

  test('makes the same plan of the same covers', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const choices = { blockBytes: BLOCK, spaceBytes: 3 * BLOCK };
        expect(planInPlace(one.covers, one.targetSize, choices)).toEqual(
          planInPlace(one.covers, one.targetSize, choices),
        );
      }),
      { numRuns: 50 },
    );
  });

  test('plans a chain of a hundred thousand blocks', () => {
    const size = 100_000 * BLOCK;
    const one = caseOf(size, size, [[BLOCK, size - BLOCK, 0]]);
    const { order } = planInPlace(one.covers, size, { blockBytes: BLOCK, spaceBytes: BLOCK });
    expect(order[0]).toBe(99_999);
    expect(order.at(-1)).toBe(0);
  });

  test('refuses a space smaller than the block in work', () => {
    const { covers } = caseOf(100, 100, [[0, 100, 0]]);
    expect(() => planInPlace(covers, 100, { blockBytes: BLOCK, spaceBytes: BLOCK - 1 })).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
  });
});
