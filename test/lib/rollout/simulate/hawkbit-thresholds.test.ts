import { expect, test } from 'vitest';
import { DEFAULT_MODEL, type FleetModel } from '../../../../src/lib/rollout/simulate/fleet-model.js';
import { simulateHawkbit } from '../../../../src/lib/rollout/simulate/hawkbit-thresholds.js';
import { campaignPlan } from '../../../support/campaign-plan.js';

const plan = campaignPlan({ sizes: [100, 400, 1_500] });
const failing = (share: number): FleetModel => ({ ...DEFAULT_MODEL, failures: { share, models: {} } });

test('a build that fails on one device in twenty reaches all of them', () => {
  const { end, count } = simulateHawkbit(plan, failing(0.05), 1);
  expect(end).toBe('finished');
  expect(count).toMatchObject({ offered: 2_000, reached: 2_000 });
  expect(count.failed).toBeGreaterThan(60);
});

test('one that fails on most is paused in the first group, before the next one', () => {
  const { end, stage, count, reason } = simulateHawkbit(plan, failing(0.8), 1);
  expect({ end, stage, offered: count.offered }).toEqual({ end: 'paused', stage: 0, offered: 100 });
  expect(count.failed).toBe(51);
  expect(reason).toBe('51 of 100 devices of group 1 reported an error');
});

test('one that leaves more than half of its devices silent waits for ever', () => {
  const { end, stage } = simulateHawkbit(plan, { ...failing(0), stuck: 0.7 }, 1);
  expect({ end, stage }).toEqual({ end: 'unfinished', stage: 0 });
});

test('the next group begins as soon as half of a group succeeded, though the other half is away', () => {
  const away: FleetModel = { ...failing(0), stuck: 0, offline: { share: 0.4, for: [86_400, 86_400] } };
  const seen: number[][] = [];
  simulateHawkbit(plan, away, 1, ({ seconds, offered }) => seen.push([seconds, offered]));
  const [secondsToAll] = seen.find(([, offered]) => offered === 2_000)!;
  expect(secondsToAll).toBeLessThan(3_600);
});
