import { expect, test } from 'vitest';
import { campaignPlan } from '../../support/campaign-plan.js';
import { drivenCampaign, NEVER } from '../../support/driven-campaign.js';

test('a good release reaches all devices, each once, stage by stage', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [2, 4, 6] }));
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  const { state } = campaign.runner;
  expect(state).toMatchObject({ phase: 'finished', endReason: '12 devices: 12 installed' });
  expect(campaign.driver.calls).toEqual(
    ['s1', 's2', 's3'].flatMap((stage) => [`prepare spring.${stage}.0`, `start spring.${stage}.0`]),
  );
  expect(campaign.driver.given.length).toBe(12);
  expect(new Set(campaign.driver.given).size).toBe(12);
});

test('a bad release is paused in its first stage, who failed is named, and nothing further starts', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4, 10] }), {
    fate: () => ({ outcome: 'failed', afterMs: 1_000 }),
  });
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state).toMatchObject({ phase: 'paused', stage: 0, pause: { cause: 'gate', by: 'gates' } });
  expect(campaign.runner.state.pause!.reason).toMatch(/failed/);
  expect(campaign.events('failures')[0]!.devices.map(({ device }) => device)).toEqual(
    campaign.plan.stages[0]!.devices.map(([name]) => name),
  );
  expect(campaign.driver.given.length).toBe(4);
});

test('a gate that aborts takes everything back', async () => {
  const plan = campaignPlan({
    sizes: [4, 10],
    onAbort: 'rollback',
    stages: [
      {},
      {
        gates: [
          { type: 'failure', atMostPercent: 10, confidencePercent: 50, minimumSample: 3, otherwise: 'abort' },
          { type: 'success', atLeastPercent: 50, confidencePercent: 50, completedPercent: 100 },
        ],
      },
    ],
  });
  const campaign = await drivenCampaign(plan, {
    having: new Map(plan.stages.flatMap(({ devices }) => devices.map(([name]) => [name, '1']))),
    fate: (device, { id }) => ({
      outcome: id === '2' && /s2-000[0-4]/.test(device) ? 'failed' : 'installed',
      afterMs: 1_000,
    }),
  });
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.runner.state).toMatchObject({ phase: 'rolled-back', abort: { cause: 'gate', thenRollBack: true } });
  for (const [device] of plan.stages.flatMap(({ devices }) => devices)) {
    expect(campaign.driver.softwareOf(device), device).toBe('1');
  }
  expect(campaign.events('rolling-back')[0]!.batches[0]!.devices.length).toBe(9);
});

test('after a resume the same figures do not pause it again, one more failure does', async () => {
  let bad = 2;
  const plan = campaignPlan({ sizes: [10], stage: { rate: { devicesPerMinute: 4, growth: 1 } } });
  const campaign = await drivenCampaign(plan, {
    fate: () => ({ outcome: bad-- > 0 ? 'failed' : 'installed', afterMs: 1_000 }),
  });
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  await campaign.runner.request({ verb: 'resume' }, 'ada', NEVER);
  bad = 0;
  await campaign.drive(30);
  expect(campaign.runner.state.phase).toBe('running');
  bad = 1;
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.events('paused').length).toBe(2);
});
