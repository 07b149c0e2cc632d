import { expect, test } from 'vitest';
import { type DeviceNow, planDrift } from '../../../src/lib/rollout/plan-drift.js';
import { somePlan } from '../../support/rollout-plan.js';

const PLAN = somePlan({
  stages: [{ devices: ['a', 'b'] }, { devices: ['c', 'd'] }],
  leftOut: [{ reason: 'held', detail: 'held back', devices: ['h'] }],
  allowedDriftPercent: 25,
});
const PREVIOUS = PLAN.cohorts[0]!.previous!;

const now = (id: string, installed: DeviceNow['installed'] = PREVIOUS): DeviceNow => ({ id, installed });

test('nothing has changed', () => {
  const drift = planDrift(
    PLAN,
    ['h', 'd', 'c', 'b', 'a'].map((id) => now(id)),
  );
  expect(drift).toMatchObject({ appeared: [], gone: [], updated: [], changed: [], percent: 0, isWithinAllowed: true });
});

test('new, gone, updated and changed devices are told apart', () => {
  const updated = { ...PREVIOUS, id: '7', digest: PLAN.package.digest };
  const other = { ...PREVIOUS, id: '8', version: '1.5.0' };
  const drift = planDrift(PLAN, [now('h'), now('new'), now('a', updated), now('c', other), now('d')]);
  expect(drift).toMatchObject({
    ...{ appeared: ['new'], gone: ['b'], updated: ['a'], changed: ['c'] },
    ...{ planned: 4, percent: 100, allowedPercent: 25, isWithinAllowed: false },
  });
});

test('as much as is allowed is allowed', () => {
  expect(planDrift(PLAN, [now('a'), now('b'), now('c')])).toMatchObject({ percent: 25, isWithinAllowed: true });
  expect(planDrift(PLAN, [now('a'), now('b')])).toMatchObject({ percent: 50, isWithinAllowed: false });
});

test('a device of which nothing was known has changed as soon as something is known', () => {
  const plan = somePlan({ stages: [{ devices: ['a', 'b'] }], cohorts: [{ previous: null, version: null }] });
  expect(planDrift(plan, [now('a', null), now('b')])).toMatchObject({ changed: ['b'] });
});
