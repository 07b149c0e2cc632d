import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scaledPlan } from '../../../../src/lib/rollout/simulate/scaled-plan.js';
import { campaignPlan } from '../../../support/campaign-plan.js';

const cohorts = [{ model: 'a' }, { model: 'b' }, { model: 'c' }];

test('a plan of another size has its stages, in proportion, none of them empty, and all devices', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 6, max: 5_000 }), (planned, devices) => {
      const plan = scaledPlan(campaignPlan({ sizes: planned, cohorts }), devices);
      const scaled = plan.stages.map((stage) => stage.devices.length);
      expect(scaled.reduce((sum, size) => sum + size, 0)).toBe(devices);
      expect(Math.min(...scaled)).toBeGreaterThanOrEqual(1);
      const total = planned.reduce((sum, size) => sum + size, 0);
      for (const [index, size] of scaled.entries()) {
        // Half a device of rounding on each side, and room that was made for stages that would have none.
        expect(Math.abs(size - (planned[index]! / total) * devices)).toBeLessThanOrEqual(1 + planned.length);
      }
    }),
  );
});

test('kinds of devices keep their shares', () => {
  const plan = scaledPlan(campaignPlan({ sizes: [30, 60], cohorts }), 90_000);
  for (const { devices } of plan.stages) {
    const ofKind = [0, 1, 2].map((kind) => devices.filter(([, cohort]) => cohort === kind).length / devices.length);
    expect(ofKind).toEqual([1 / 3, 1 / 3, 1 / 3]);
  }
});

test('fewer devices than stages are refused', () => {
  expect(() => scaledPlan(campaignPlan({ sizes: [2, 4, 8] }), 2)).toThrow('2 devices for 3 stages');
});
