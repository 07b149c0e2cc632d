import { expect, test } from 'vitest';
import { CampaignRunner } from '../../../src/lib/campaign/runner.js';
import { OtaError } from '../../../src/lib/core/errors.js';
import type { PortionProgress } from '../../../src/lib/fleet-api/driver.js';
import type { Pacing } from '../../../src/lib/net/pacing.js';
import { campaignPlan, PLANNED_AT } from '../../support/campaign-plan.js';
import { drivenCampaign, NEVER } from '../../support/driven-campaign.js';
import { leapingTime } from '../../support/leaping-time.js';

const plan = campaignPlan({ sizes: [4, 10] });
const silent = () => ({ outcome: 'silent' as const, afterMs: 0 });

test('a rollout that somebody deleted at the server pauses the campaign; resumed, its devices count as gone', async () => {
  const campaign = await drivenCampaign(plan, { fate: silent });
  await campaign.drive(5);
  campaign.driver.forgetPortion('spring.s1.0');
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state.pause).toMatchObject({ cause: 'server' });
  expect(campaign.runner.state.pause!.reason).toMatch(/lost spring\.s1\.0.*no rollout spring\.s1\.0/);

  await campaign.runner.request({ verb: 'resume' }, 'ada', NEVER);
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  // Nothing is known of anybody, so nothing advances.
  expect(campaign.runner.state).toMatchObject({ stage: 0, pause: { cause: 'gate' } });
  expect(campaign.runner.state.stages[0]!.figures).toMatchObject({ total: 4, gone: 4 });
  expect(campaign.driver.given.length).toBe(4);
});

test('an abort of what the server has lost still ends', async () => {
  const campaign = await drivenCampaign(plan, { fate: silent });
  await campaign.drive(5);
  campaign.driver.forgetPortion('spring.s1.0');
  await campaign.runner.request({ verb: 'rollback' }, 'ada', NEVER);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.runner.state).toMatchObject({ phase: 'rollback-failed' });
  expect(campaign.events('rolling-back')[0]!.cannot).toEqual([
    { reason: expect.stringContaining('lost spring.s1.0'), devices: plan.stages[0]!.devices.map(([name]) => name) },
  ]);
});

test('a portion that stays in creation for ten minutes pauses the campaign, and has ten more once resumed', async () => {
  let isStuck = true;
  const tamper = (_: string, progress: PortionProgress): PortionProgress =>
    isStuck ? { ...progress, status: 'preparing' } : progress;
  const campaign = await drivenCampaign(plan, { tamper });
  const began = campaign.pacing.now().getTime();
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state.pause).toMatchObject({ cause: 'server' });
  expect(campaign.runner.state.pause!.reason).toBe('the server has not made spring.s1.0 ready in 10 minutes');
  expect(campaign.pacing.now().getTime() - began).toBeLessThan(11 * 60_000);
  expect(campaign.driver.given).toEqual([]);

  await campaign.runner.request({ verb: 'resume' }, 'ada', NEVER);
  await campaign.drive(100);
  expect(campaign.runner.state.phase).toBe('running');
  isStuck = false;
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.driver.given.length).toBe(14);
});

test('a stage that is finished at once because all devices had it proves nothing: it pauses, and only a person passes it', async () => {
  const having = new Map(plan.stages[0]!.devices.map(([name]) => [name, '2']));
  const campaign = await drivenCampaign(plan, { having });
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state).toMatchObject({ stage: 0, pause: { cause: 'gate' } });
  expect(campaign.runner.state.pause!.reason).toMatch(/4 had it already.*proves nothing/);
  expect(campaign.driver.given).toEqual([]);

  await campaign.runner.request({ verb: 'resume' }, 'ada', NEVER);
  await campaign.drive(20);
  expect(campaign.runner.state).toMatchObject({ phase: 'running', stage: 0 });
  await campaign.runner.request({ verb: 'approve' }, 'ada', NEVER);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.runner.state.phase).toBe('finished');
});

test.each<[string, (counts: PortionProgress['counts']) => Partial<PortionProgress>]>([
  ['counts that add up to more', (counts) => ({ counts: { ...counts, installed: counts.installed + 5 } })],
  ['counts that add up to less', (counts) => ({ counts: { ...counts, running: 0, installed: 1 } })],
  ['another number of devices', () => ({ total: 400 })],
  ['a negative count', (counts) => ({ counts: { ...counts, failed: -1, installed: counts.installed + 1 } })],
  ['a count that is no number', (counts) => ({ counts: { ...counts, failed: Number.NaN } })],
])('figures with %s are not judged: ten minutes later it stands still', async (_, lie) => {
  let isLying = true;
  const tamper = (_name: string, progress: PortionProgress): PortionProgress =>
    isLying && progress.status !== 'prepared' ? { ...progress, ...lie(progress.counts) } : progress;
  const campaign = await drivenCampaign(plan, { tamper });
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.events('judged')).toEqual([]);
  expect(campaign.runner.state.pause).toMatchObject({ cause: 'server' });
  expect(campaign.driver.given.length).toBe(4);
  isLying = false;
  await campaign.runner.request({ verb: 'resume' }, 'ada', NEVER);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
});

test('figures that do not add up for a moment are only asked for again', async () => {
  let lies = 3;
  const tamper = (_: string, progress: PortionProgress): PortionProgress =>
    progress.status !== 'prepared' && lies-- > 0 ? { ...progress, total: 400 } : progress;
  const campaign = await drivenCampaign(plan, { tamper });
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.events('paused')).toEqual([]);
});

test('a rollout that was paused at the server pauses the campaign, and goes on at the server when it is resumed', async () => {
  let isPaused = true;
  const tamper = (name: string, progress: PortionProgress): PortionProgress =>
    isPaused && name === 'spring.s1.0' && progress.status !== 'prepared'
      ? { ...progress, status: 'paused', counts: { ...progress.counts, waiting: 4, running: 0, installed: 0 } }
      : progress;
  const campaign = await drivenCampaign(plan, { tamper });
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state.pause).toMatchObject({
    cause: 'server',
    reason: 'the server has paused spring.s1.0: 4 devices: 4 not given it',
  });
  isPaused = false;
  await campaign.runner.request({ verb: 'resume' }, 'ada', NEVER);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.driver.calls).toContain('resume spring.s1.0');
});

test.each(['NETWORK_FAILED', 'HTTP_STATUS', 'TLS_FAILED', 'DOWNLOAD_TRUNCATED'] as const)(
  'a server that answers with %s for hours stops nothing: it is asked again, ever less often, and told of twice',
  async (code) => {
    const pacing = leapingTime(PLANNED_AT);
    const asked: number[] = [];
    const backAt = PLANNED_AT + 5 * 3_600_000;
    const campaign = await drivenCampaign(plan, {
      pacing,
      around: (when) => {
        const now = pacing.now().getTime();
        if (when === 'after' || now >= backAt || now < PLANNED_AT + 1) return;
        asked.push(now);
        throw new OtaError(code, 'no answer');
      },
    });
    await pacing.delay(5);
    expect(await campaign.drive()).toEqual({ kind: 'over' });
    expect(campaign.runner.state.phase).toBe('finished');
    const gaps = asked.slice(1).map((at, index) => at - asked[index]!);
    expect(gaps[0]).toBeLessThan(4_000);
    expect(Math.max(...gaps)).toBe(5 * 60_000);
    expect(campaign.events('noted').map(({ text }) => text)).toEqual([
      'trouble with the server: no answer',
      expect.stringMatching(/^the server answers again after 18\d\d\d s$/),
    ]);
    expect(campaign.driver.given.length).toBe(14);
  },
);

test('a single answer that is lost is asked for again and leaves no trace', async () => {
  let lost = 0;
  const campaign = await drivenCampaign(plan, {
    around: (when) => {
      if (when === 'after' && lost++ % 3 === 0) throw new OtaError('NETWORK_FAILED', 'no answer');
    },
  });
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.events('noted')).toEqual([]);
  expect(campaign.driver.given.length).toBe(14);
});

test('a login that ends in mid-campaign ends the drive and nothing else: after another login it goes on', async () => {
  let isOut = false;
  const campaign = await drivenCampaign(plan, {
    around: () => {
      if (isOut) throw new OtaError('AUTHENTICATION_FAILED', 'the server answers 401');
    },
    fate: () => ({ outcome: 'installed', afterMs: 60_000 }),
  });
  await campaign.drive(5);
  const { seq } = campaign.journal.entries.at(-1)!;
  isOut = true;
  await expect(campaign.drive()).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED', exitCode: 15 });
  expect(campaign.journal.entries.length).toBe(seq);
  isOut = false;
  const { plan: same, journal, driver, pacing } = campaign;
  const runner = await CampaignRunner.open({ plan: same, journal, driver, pacing });
  expect(runner.state).toEqual(campaign.runner.state);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(driver.given.length).toBe(14);
});

test('a package that is no longer at the server pauses the campaign, and goes on when it is there again', async () => {
  const campaign = await drivenCampaign(plan, { release: null });
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state.pause).toMatchObject({
    cause: 'server',
    reason: 'hub 2.0.0 is not at http://127.0.0.1:1',
  });
  expect(campaign.driver.calls).toEqual([]);
});

test('something else of the name of a portion pauses the campaign', async () => {
  const campaign = await drivenCampaign(plan);
  const software = { id: '9', name: 'hub', version: '9.0.0', digest: null };
  await campaign.driver.prepare({
    ...{ name: 'spring.s1.0', description: '', software, devices: ['x'], errorThresholdPercent: 1, window: null },
  });
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state.pause).toMatchObject({ cause: 'server', reason: 'spring.s1.0 is something else' });
  expect(campaign.driver.given).toEqual([]);
});

test('devices that a server tells of and that were never in the portion are neither named nor sent back', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [3] }), {
    fate: () => ({ outcome: 'failed', afterMs: 1_000 }),
  });
  const { driver } = campaign;
  const honest = driver.outcomes.bind(driver);
  driver.outcomes = async function* (...args) {
    yield [{ device: 'somebody-else', message: 'failed' }];
    yield* honest(...args);
    yield* honest(...args);
  };
  await campaign.drive();
  const [named] = campaign.events('failures');
  expect(named!.devices.map(({ device }) => device)).toEqual(['s1-0000', 's1-0001', 's1-0002']);
});

/** A wall clock that can be set, on time that leaps. */
function settableTime(): Pacing & { setBy(ms: number): void; readonly serverTime: Pacing } {
  const time = leapingTime(PLANNED_AT);
  let offset = 0;
  return {
    ...time,
    serverTime: time,
    now: () => new Date(time.now().getTime() + offset),
    setBy: (ms) => {
      offset += ms;
    },
  };
}

test('a clock that is set back by a day holds nothing up, and the journal never goes back', async () => {
  const pacing = settableTime();
  const soaking = campaignPlan({
    sizes: [2],
    stage: { gates: [...plan.stages[0]!.gates, { type: 'soak', seconds: 600 }] },
  });
  const campaign = await drivenCampaign(soaking, { pacing, serverTime: pacing.serverTime });
  await campaign.drive(10);
  pacing.setBy(-86_400_000);
  const before = pacing.monotonicMs();
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(pacing.monotonicMs() - before).toBeLessThan(700_000);
  const times = campaign.journal.entries.map(({ time }) => time);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(campaign.events('noted')[0]!.text).toMatch(/set back by 86\d\d\d s/);
});

test('a clock that is set ahead by a day ends no soak time: it begins anew', async () => {
  const pacing = settableTime();
  const soaking = campaignPlan({
    sizes: [2],
    stage: { gates: [...plan.stages[0]!.gates, { type: 'soak', seconds: 600 }] },
  });
  const campaign = await drivenCampaign(soaking, { pacing, serverTime: pacing.serverTime });
  await campaign.drive(100);
  pacing.setBy(86_400_000);
  const before = pacing.monotonicMs();
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(pacing.monotonicMs() - before).toBeGreaterThanOrEqual(600_000);
  expect(campaign.events('noted')[0]!.text).toMatch(/set ahead by 86\d\d\d s: soak times begin anew/);
});

test('a campaign that was cut while a portion was made, and is aborted then, leaves nothing at the server that could start', async () => {
  let isCut = true;
  const campaign = await drivenCampaign(plan, {
    around: (when, call) => {
      if (isCut && when === 'after' && call === 'prepare') throw new Error('cut');
    },
  });
  await expect(campaign.drive()).rejects.toThrow('cut');
  isCut = false;
  const { journal, driver, pacing } = campaign;
  const runner = await CampaignRunner.open({ plan, journal, driver, pacing });
  await runner.request({ verb: 'abort' }, 'ada', NEVER);
  for (let next = 'now'; next !== 'over'; ) next = (await runner.step(NEVER)).next.kind;
  expect(driver.calls).toEqual(['prepare spring.s1.0', 'prepare spring.s1.0', 'stop spring.s1.0']);
  expect(driver.given).toEqual([]);
});
