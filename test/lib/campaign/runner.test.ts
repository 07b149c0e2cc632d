import { expect, test } from 'vitest';
import { openCampaign } from '../../../src/lib/campaign/open-campaign.js';
import { CampaignRunner } from '../../../src/lib/campaign/runner.js';
import { OtaError } from '../../../src/lib/core/errors.js';
import { campaignPlan, PLANNED_AT, STRICT_GATES } from '../../support/campaign-plan.js';
import { type DrivenCampaign, drive, drivenCampaign, NEVER } from '../../support/driven-campaign.js';
import { MemoryDriver } from '../../support/fleet-in-memory.js';
import { leapingTime } from '../../support/leaping-time.js';
import { MemoryJournal } from '../../support/memory-journal.js';

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

test('while a campaign is paused the server holds back what it was given, and goes on with it afterwards', async () => {
  const told: string[] = [];
  const campaign = await drivenCampaign(campaignPlan({ sizes: [2, 3] }), {
    fate: () => ({ outcome: 'installed', afterMs: 20_000 }),
    around: (when, call, name) => {
      if (when === 'before' && (call === 'pause' || call === 'resume')) told.push(`${call} ${name}`);
    },
  });
  await campaign.drive(5);
  await campaign.runner.request({ verb: 'pause' }, 'ada', NEVER);
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(told).toEqual(['pause spring.s1.0']);
  expect(campaign.runner.state.portions).toMatchObject([{ status: 'held' }]);
  await campaign.runner.request({ verb: 'resume' }, 'ada', NEVER);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(told).toEqual(['pause spring.s1.0', 'resume spring.s1.0']);
  expect(campaign.runner.state).toMatchObject({ phase: 'finished' });
});

test('whoever stops everything takes nobody back, also where an abort was to do that; asked again it changes nothing', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [2, 3], onAbort: 'rollback' }), {
    fate: () => ({ outcome: 'installed', afterMs: 3_600_000 }),
  });
  await campaign.drive(5);
  await campaign.runner.request({ verb: 'abort' }, 'ada', NEVER);
  expect(campaign.runner.state).toMatchObject({ phase: 'aborting', abort: { thenRollBack: true } });
  await campaign.runner.request({ verb: 'stop' }, 'ada', NEVER);
  expect(await campaign.runner.request({ verb: 'stop' }, 'ada', NEVER)).toEqual([]);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.runner.state).toMatchObject({ phase: 'aborted', abort: { thenRollBack: false } });
  expect(campaign.events('rolling-back')).toEqual([]);
});

test('nothing is done at the server that the journal has not announced', async () => {
  const announced: string[] = [];
  const campaign: DrivenCampaign = await drivenCampaign(campaignPlan({ sizes: [2, 3], onAbort: 'rollback' }), {
    having: new Map(['s1-0000', 's1-0001', 's2-0000', 's2-0001', 's2-0002'].map((device) => [device, '1'])),
    around: (when, call, name) => {
      if (when === 'after' || call === 'progress' || call === 'outcomes') return;
      const words = { prepare: 'preparing', start: 'starting', stop: 'stopping' } as Record<string, string>;
      const entry = campaign.journal.entries.findLast(({ event }) => event.type === words[call]);
      expect(entry?.event, `${call} ${name}`).toBeDefined();
      const portions = campaign.journal.entries.map(({ event }) =>
        'portion' in event ? `${event.type} ${event.portion}` : '',
      );
      expect(portions).toContain(`${words[call]} ${name}`);
      announced.push(call);
    },
  });
  await campaign.drive();
  await campaign.runner.request({ verb: 'rollback' }, 'ada', NEVER);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.runner.state.phase).toBe('rolled-back');
  expect(announced).toEqual(['prepare', 'start', 'prepare', 'start', 'stop', 'stop', 'prepare', 'start']);
});

test('a journal that cannot be written ends the drive before anything is done, and keeps what it has', async () => {
  const plan = campaignPlan({ sizes: [2] });
  const pacing = leapingTime(PLANNED_AT);
  const driver = new MemoryDriver({ pacing });
  let isFull = false;
  const journal = new MemoryJournal((when) => {
    if (isFull && when === 'before') throw new OtaError('NO_SPACE', 'no space left on the device');
  });
  await openCampaign(journal, plan, { by: 'ada', time: PLANNED_AT });
  const runner = await CampaignRunner.open({ plan, journal, driver, pacing });
  isFull = true;
  await expect(drive(runner, pacing)).rejects.toMatchObject({ code: 'NO_SPACE' });
  isFull = false;
  // Nobody knows what a journal holds that has failed once.
  await expect(drive(runner, pacing)).rejects.toMatchObject({ code: 'NO_SPACE' });
  expect(driver.calls).toEqual([]);
  expect(journal.entries.length).toBe(1);
  expect(await drive(await CampaignRunner.open({ plan, journal, driver, pacing }), pacing)).toEqual({ kind: 'over' });
});

test('a journal is refused whose plan is another than it began with', async () => {
  const plan = campaignPlan({ sizes: [2] });
  const { journal, driver, pacing } = await drivenCampaign(plan);
  const other = campaignPlan({ sizes: [2], onAbort: 'rollback' });
  await expect(CampaignRunner.open({ plan: other, journal, driver, pacing })).rejects.toMatchObject({
    code: 'STORE_DAMAGED',
  });
});

test('health is measured on devices of the stage since they got it, against all that were not touched', async () => {
  const gate = {
    type: 'health',
    rule: 'p95(latencyMs) < 120% of control',
    windowSeconds: 3_600,
    minimumSample: 1,
    otherwise: 'pause',
  } as const;
  const plan = campaignPlan({ sizes: [2, 2], stage: { gates: [...STRICT_GATES, gate] } });
  const campaign = await drivenCampaign({ ...plan, target: { ...plan.target, where: 'group==cars' } });
  const asked: object[] = [];
  campaign.driver.measure = async (measure) => {
    asked.push(measure);
    const isSlow = campaign.runner.state.stage === 1 && measure.outsideOf === undefined;
    return { value: isSlow ? 200 : 100, sample: 50 };
  };
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state).toMatchObject({ stage: 1, pause: { cause: 'gate' } });
  expect(campaign.runner.state.pause!.reason).toMatch(/200 against 100 in the control group/);
  const of = { kind: 'metric', path: ['latencyMs'], quantile: 0.95 };
  const [first, second] = campaign.runner.state.stages.map(({ startedAt }) => startedAt);
  expect(asked[0]).toEqual({ refs: ['spring.s1.0'], of, since: first });
  expect(asked.at(-2)).toEqual({ refs: ['spring.s2.0'], of, since: second });
  expect(asked.at(-1)).toEqual({ refs: ['spring.s1.0', 'spring.s2.0'], outsideOf: 'group==cars', of, since: second });
});

test('what devices say is kept, however odd, and as far as it is bearable', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [1] }), {
    fate: () => ({ outcome: 'failed', afterMs: 1_000 }),
  });
  campaign.driver.outcomes = async function* (_ref, outcome) {
    if (outcome === 'failed') yield [{ device: 's1-0000', message: `\ud800\u0000${'x'.repeat(100_000)}` }];
  };
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  const { message } = campaign.events('failures')[0]!.devices[0]!;
  expect(message.startsWith('\ufffd\u0000xxx')).toBe(true);
  expect(message.length).toBeLessThanOrEqual(1_024);
});
