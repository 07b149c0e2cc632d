import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bearableFailures } from '../../../../src/lib/rollout/simulate/bearable-failures.js';
import { lowerBound } from '../../../../src/lib/rollout/statistics.js';
import { DEFAULT_STRATEGY, gatesOf } from '../../../../src/lib/rollout/strategy.js';

const gates = gatesOf(DEFAULT_STRATEGY, false);

test('a stage of 58 devices cannot prove 95 % at 95 % confidence, 59 can without a failure, 100 with one, 1,000 with 38', () => {
  expect([58, 59, 92, 93, 100, 1_000].map((devices) => bearableFailures(gates, devices))).toEqual([-1, 0, 0, 1, 1, 38]);
});

test('one failure more is one too many', () => {
  const percents = fc.integer({ min: 50, max: 99 });
  fc.assert(
    fc.property(
      percents,
      percents,
      fc.integer({ min: 1, max: 3_000 }),
      (atLeastPercent, confidencePercent, devices) => {
        const success = { type: 'success', atLeastPercent, confidencePercent, completedPercent: 90 } as const;
        const most = bearableFailures([success], devices)!;
        const bound = (failed: number) => lowerBound(devices - failed, devices, confidencePercent) * 100;
        if (most >= 0) expect(bound(most)).toBeGreaterThanOrEqual(atLeastPercent - 1e-9);
        expect(bound(most + 1)).toBeLessThan(atLeastPercent + 1e-9);
      },
    ),
  );
});

test('without a success gate nothing is borne or not', () => expect(bearableFailures([], 100)).toBeNull());
