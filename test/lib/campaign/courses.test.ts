import { expect, test } from 'vitest';
import type { CampaignRequest } from '../../../src/lib/rollout/campaign-view.js';
import type { ProbeResult } from '../../../src/lib/rollout/observation.js';
import { campaignPlan, PLANNED_AT, PREVIOUS, STRICT_GATES } from '../../support/campaign-plan.js';
import { type DrivenCampaign, drivenCampaign, NEVER } from '../../support/driven-campaign.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function ask({ runner }: DrivenCampaign, verb: CampaignRequest['verb'], remark?: string) {
  return runner.request({ verb, ...(remark !== undefined && { remark }) }, 'ada', NEVER);
}

/** Minutes after the beginning, and how many devices each portion had. */
function portions({ journal }: DrivenCampaign): [number, number][] {
  return journal.entries.flatMap(({ time, event }) =>
    event.type === 'preparing' && event.range !== null
      ? [[Math.floor((time - PLANNED_AT) / MINUTE_MS), event.range[1] - event.range[0]] as [number, number]]
      : [],
  );
}

test('a stage under a rate is given out in whole devices, never in a burst', async () => {
  const plan = campaignPlan({ sizes: [10], stage: { rate: { devicesPerMinute: 3, growth: 1 } } });
  const campaign = await drivenCampaign(plan);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(portions(campaign)).toEqual([
    [0, 3],
    [1, 3],
    [2, 3],
    [3, 1],
  ]);
});

test('less than a device a minute is a device now and then', async () => {
  const plan = campaignPlan({ sizes: [3], stage: { rate: { devicesPerMinute: 0.1, growth: 1 } } });
  const campaign = await drivenCampaign(plan);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(portions(campaign)).toEqual([
    [0, 1],
    [10, 1],
    [20, 1],
  ]);
});

test('a rate that grows does so as devices end well, and what was missed while nobody drove it is not made up for', async () => {
  const plan = campaignPlan({ sizes: [60], stage: { rate: { devicesPerMinute: 2, growth: 2 } } });
  const campaign = await drivenCampaign(plan);
  await campaign.drive(20);
  await campaign.pacing.delay(5 * HOUR_MS);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(portions(campaign).map(([, size]) => size)).toEqual([2, 4, 8, 16, 30]);
});

test('a rate does not grow while devices fail', async () => {
  const gates = [{ type: 'success', atLeastPercent: 1, confidencePercent: 50, completedPercent: 100 } as const];
  const plan = campaignPlan({ sizes: [8], stage: { gates, rate: { devicesPerMinute: 2, growth: 5 } } });
  const campaign = await drivenCampaign(plan, {
    fate: (device) => ({ outcome: device === 's1-0001' ? 'failed' : 'installed', afterMs: 1_000 }),
  });
  await campaign.drive();
  expect(portions(campaign).map(([, size]) => size)).toEqual([2, 2, 4]);
});

test('a stage does not begin before its time', async () => {
  const startAt = new Date(PLANNED_AT + 10 * HOUR_MS).toISOString();
  const campaign = await drivenCampaign(campaignPlan({ sizes: [2, 2], stages: [{}, { startAt }] }));
  await campaign.drive(100);
  expect(campaign.runner.state).toMatchObject({ phase: 'running', stage: 1 });
  expect(campaign.runner.view({ isDriven: true }).stages[1]!.waitsSeconds).toBeGreaterThan(9 * 3_600);
  expect(campaign.driver.given.length).toBe(2);
  await campaign.pacing.delay(10 * HOUR_MS);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.driver.given.length).toBe(4);
});

test('a package that expires in mid-campaign is given to nobody further', async () => {
  const startAt = new Date(PLANNED_AT + 2 * HOUR_MS).toISOString();
  const plan = campaignPlan({ sizes: [2, 2], stages: [{}, { startAt }] });
  const expiresAt = new Date(PLANNED_AT + HOUR_MS).toISOString();
  const campaign = await drivenCampaign({ ...plan, package: { ...plan.package, expiresAt } });
  await campaign.drive(20);
  await campaign.pacing.delay(3 * HOUR_MS);
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state.pause).toMatchObject({ cause: 'expired' });
  await ask(campaign, 'resume');
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.driver.given.length).toBe(2);
});

test('an approval opens its gate and overrules no other', async () => {
  const gates = [...STRICT_GATES, { type: 'approval' } as const];
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4, 4], stage: { gates } }), {
    fate: (device) => ({ outcome: device.startsWith('s2') ? 'failed' : 'installed', afterMs: 1_000 }),
  });
  await campaign.drive(30);
  expect(campaign.runner.state).toMatchObject({ phase: 'running', stage: 0 });
  expect(campaign.runner.state.stages[0]!.verdict!.reason).toMatch(/waits for somebody to approve/);
  await ask(campaign, 'approve', 'looks well');
  await campaign.drive(0);
  expect(campaign.runner.state.stage).toBe(1);
  await expect(ask(campaign, 'approve')).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state).toMatchObject({ stage: 1, pause: { cause: 'gate' } });
  expect(campaign.events('approved')).toMatchObject([{ stage: 0, by: 'ada', remark: 'looks well' }]);
});

test('approving what a gate has stopped passes the stage, until one more device fails', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4, 2] }), {
    fate: (device) => ({ outcome: device.startsWith('s1') ? 'failed' : 'installed', afterMs: 1_000 }),
  });
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  await ask(campaign, 'approve', 'the test bench was down');
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.runner.state).toMatchObject({ phase: 'finished', endReason: '6 devices: 2 installed, 4 failed' });
});

test('what failed is tried again and nothing else, and counts by its last attempt', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4, 2] }), {
    fate: (device, _software, attempt) => ({
      outcome: device === 's1-0002' && attempt === 1 ? 'failed' : 'installed',
      afterMs: 1_000,
    }),
  });
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  await ask(campaign, 'retry-failed');
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.runner.state).toMatchObject({ phase: 'finished', endReason: '6 devices: 6 installed' });
  expect(campaign.driver.portions).toContain('spring.s1.retry1');
  expect(campaign.driver.given.filter((given) => given === 's1-0002 2').length).toBe(2);
  expect(campaign.driver.given.length).toBe(7);
  await expect(ask(campaign, 'retry-failed')).rejects.toMatchObject({ code: 'CONFLICT' });
});

test('what fails again pauses again', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4, 2] }), {
    fate: (device) => ({ outcome: device === 's1-0002' ? 'failed' : 'installed', afterMs: 1_000 }),
  });
  for (let tries = 0; tries < 3; tries++) {
    expect(await campaign.drive()).toEqual({ kind: 'rest' });
    await ask(campaign, 'retry-failed');
  }
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state.stages[0]).toMatchObject({ retries: 3, figures: { total: 4, installed: 3, failed: 1 } });
});

test('an operator who pauses stops what is to come, not what is on its way', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [2, 4] }), {
    fate: () => ({ outcome: 'installed', afterMs: 30_000 }),
  });
  await campaign.drive(3);
  await ask(campaign, 'pause', 'holidays');
  await campaign.pacing.delay(HOUR_MS);
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.view({ isDriven: false })).toMatchObject({
    phase: 'paused',
    reason: 'ada asked for it: holidays',
  });
  expect(campaign.driver.given.length).toBe(2);
  await ask(campaign, 'resume');
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.driver.given.length).toBe(6);
});

test('a finished campaign can be taken back; who cannot go back is told, who had it before is left alone', async () => {
  const plan = campaignPlan({
    sizes: [6],
    cohorts: [{}, { previous: null, cannotReturn: 'its security counter was raised' }, {}],
  });
  const campaign = await drivenCampaign(plan, {
    having: new Map(plan.stages[0]!.devices.map(([name]) => [name, name === 's1-0000' ? '2' : '1'])),
  });
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  await ask(campaign, 'rollback', 'cameras stay dark');
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  const { state } = campaign.runner;
  expect(state).toMatchObject({ phase: 'rollback-failed' });
  expect(state.rollback!.batches).toEqual([{ software: PREVIOUS, devices: ['s1-0002', 's1-0003', 's1-0005'] }]);
  expect(state.rollback!.cannot).toEqual([
    { reason: 'its security counter was raised', devices: ['s1-0001', 's1-0004'] },
  ]);
  expect(['s1-0000', 's1-0001', 's1-0002'].map((device) => campaign.driver.softwareOf(device))).toEqual([
    '2',
    '2',
    '1',
  ]);
});

test('devices that would not go back are asked again, those that are back are not', async () => {
  const plan = campaignPlan({ sizes: [3] });
  const campaign = await drivenCampaign(plan, {
    having: new Map(plan.stages[0]!.devices.map(([name]) => [name, '1'])),
    fate: (device, { id }, attempt) => ({
      outcome: id === '1' && device === 's1-0001' && attempt === 1 ? 'failed' : 'installed',
      afterMs: 1_000,
    }),
  });
  await campaign.drive();
  await ask(campaign, 'rollback');
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.runner.state.phase).toBe('rollback-failed');
  expect(campaign.events('failures').at(-1)).toMatchObject({ stage: null, devices: [{ device: 's1-0001' }] });
  await ask(campaign, 'rollback');
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.runner.state.phase).toBe('rolled-back');
  expect(campaign.driver.given.filter((given) => given.endsWith(' 1'))).toEqual([
    's1-0000 1',
    's1-0001 1',
    's1-0002 1',
    's1-0001 1',
  ]);
});

test('devices on their way when it is taken back are asked to go back, too; nobody waits for silent ones for ever', async () => {
  const plan = campaignPlan({ sizes: [3] });
  const campaign = await drivenCampaign(plan, { fate: () => ({ outcome: 'silent', afterMs: 0 }) });
  await campaign.drive(3);
  const honest = campaign.driver.outcomes.bind(campaign.driver);
  // One lets go of it, one cannot any more, one says nothing.
  campaign.driver.outcomes = async function* (ref, outcome, ...rest) {
    if (ref.includes('.back')) yield* honest(ref, outcome, ...rest);
    else if (outcome === 'running') yield [{ device: 's1-0001', message: '' }];
    else if (outcome === 'stuck') yield [{ device: 's1-0002', message: '' }];
  };
  await ask(campaign, 'rollback');
  await campaign.drive(10);
  await campaign.pacing.delay(25 * HOUR_MS);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.runner.state).toMatchObject({ phase: 'rollback-failed' });
  expect(campaign.events('rolling-back')[0]!.batches[0]!.devices).toEqual(['s1-0001', 's1-0002']);
});

test('a maintenance window reaches the server, and a server that knows none is given nothing', async () => {
  const window = { schedule: '0 0 2 * * ?', duration: '01:00:00', timezone: '+00:00' };
  const campaign = await drivenCampaign(campaignPlan({ sizes: [2], stage: { window } }), { windows: false });
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state.pause!.reason).toMatch(/cannot keep to the maintenance window/);
  expect(campaign.driver.calls).toEqual([]);
});

test('a probe is asked as often as it wants, and after a resume only another answer stops it again', async () => {
  let result: ProbeResult = { outcome: 'bad', said: 'errors: 7' };
  let asked = 0;
  const probe = {
    type: 'probe',
    url: 'http://127.0.0.1:1',
    timeoutSeconds: 1,
    everySeconds: 300,
    otherwise: 'pause',
  } as const;
  const campaign = await drivenCampaign(campaignPlan({ sizes: [2], stage: { gates: [...STRICT_GATES, probe] } }), {
    gauges: {
      probe: async () => {
        asked += 1;
        return result;
      },
    },
  });
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(asked).toBe(1);
  await ask(campaign, 'resume');
  await campaign.drive(100);
  expect(campaign.runner.state.phase).toBe('running');
  // Once more when its devices had ended: what was said before is nothing of them.
  expect(asked).toBe(2);
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  result = { outcome: 'good', said: 'errors: 0' };
  await ask(campaign, 'resume');
  expect(await campaign.drive()).toEqual({ kind: 'over' });
});

test('each new decision is told once; whoever does not take it does not stop the campaign', async () => {
  const told: string[] = [];
  const campaign = await drivenCampaign(campaignPlan({ sizes: [2, 2] }), {
    gauges: {
      tell: async ({ event }) => {
        if (event.type === 'judged') told.push(`${event.stage} ${event.verdict.decision}`);
      },
    },
  });
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(told).toEqual(['0 hold', '0 advance', '1 hold', '1 advance']);
});

test('a week of waiting for an approval leaves a small journal', async () => {
  const gates = [...STRICT_GATES, { type: 'approval' } as const];
  const campaign = await drivenCampaign(campaignPlan({ sizes: [2, 2], stage: { gates } }));
  await campaign.drive(2_000);
  await campaign.pacing.delay(7 * 24 * HOUR_MS);
  await campaign.drive(2_000);
  expect(campaign.journal.entries.length).toBeLessThan(12);
});

test('a stage that is content early is still given to all of its devices before it passes', async () => {
  const gates = [{ type: 'success', atLeastPercent: 50, confidencePercent: 50, completedPercent: 25 } as const];
  const stages = [{ gates, rate: { devicesPerMinute: 1, growth: 1 } }];
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4, 1], stages }));
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(portions(campaign)).toEqual([
    [0, 1],
    [1, 1],
    [2, 1],
    [3, 1],
    [3, 1],
  ]);
});
