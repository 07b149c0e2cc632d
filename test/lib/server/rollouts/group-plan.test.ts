import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { evenPercentages, groupSizes } from '../../../../src/lib/server/rollouts/group-plan.js';

describe('groups of a rollout', () => {
  test.each([
    [[5, 100], 100, [5, 95], 0],
    [[20, 50, 100], 10, [2, 4, 4], 0],
    [[5, 100], 3, [0, 3], 0],
    [[50], 5, [3], 2],
    [[100, 100], 7, [7, 0], 0],
  ])('of %j percent of what is left of %i devices have %j', (percentages, matching, sizes, leftOut) => {
    expect(groupSizes(percentages, matching)).toEqual({ sizes, leftOut });
  });

  test('take every device once, and none when there is none left', () => {
    const percentage = fc.double({ min: 0.01, max: 100, noNaN: true });
    fc.assert(
      fc.property(fc.array(percentage, { maxLength: 20 }), fc.nat(100_000), (percentages, matching) => {
        const { sizes, leftOut } = groupSizes(percentages, matching);
        expect(sizes.every((size) => Number.isInteger(size) && size >= 0)).toBe(true);
        expect(sizes.reduce((sum, size) => sum + size, 0) + leftOut).toBe(matching);
        if (percentages.at(-1) === 100) expect(leftOut).toBe(0);
      }),
    );
  });

  test('that shall be even differ by one device at most, and leave nobody out', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.nat(100_000), (count, matching) => {
        const { sizes, leftOut } = groupSizes(evenPercentages(count), matching);
        expect(leftOut).toBe(0);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
