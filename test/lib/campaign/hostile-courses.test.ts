import { expect, test } from 'vitest';
import { CampaignRunner } from '../../../src/lib/campaign/runner.js';
import { OtaError } from '../../../src/lib/core/errors.js';
import { campaignPlan, PLANNED_AT, STRICT_GATES } from '../../support/campaign-plan.js';
import { drive, drivenCampaign, NEVER } from '../../support/driven-campaign.js';

test('a server that knows nothing of a portion for a moment loses no stage, whatever it was asked for', async () => {
  for (const call of ['progress', 'start', 'stop', 'outcomes']) {
    let wrong = 2;
    const campaign = await drivenCampaign(campaignPlan({ sizes: [4, 10], onAbort: 'rollback' }), {
      fate: (device) => ({ outcome: device.startsWith('s2') ? 'failed' : 'installed', afterMs: 1_000 }),
      around: (when, asked) => {
        if (when === 'before' && asked === call && wrong-- > 0) throw new OtaError('NOT_FOUND', 'no such address');
      },
    });
    expect(await campaign.drive(), call).toEqual({ kind: 'rest' });
    expect(campaign.runner.state.pause, call).toMatchObject({ cause: 'gate' });
    await campaign.runner.request({ verb: 'rollback' }, 'ada', NEVER);
    expect(await campaign.drive(), call).toEqual({ kind: 'over' });
    expect(campaign.events('lost'), call).toEqual([]);
    expect(campaign.runner.state.phase, call).toBe('rolled-back');
    expect(wrong).toBeLessThan(0);
  }
});

test('who was given something else since the update is not asked to go back before both', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4] }));
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  campaign.driver.giveElsewhere('s1-0001', '3');
  await campaign.runner.request({ verb: 'rollback' }, 'ada', NEVER);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.runner.state.phase).toBe('rolled-back');
  expect(campaign.driver.softwareOf('s1-0001')).toBe('3');
  expect(campaign.events('rolling-back')[0]!.batches).toMatchObject([{ devices: ['s1-0000', 's1-0002', 's1-0003'] }]);
  expect(campaign.events('noted').map(({ text }) => text)).toEqual([
    'left alone, as they were given something else since they had the update: s1-0001',
  ]);
});

test('devices of a portion that the server has lost go back, where it says that they have the update', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4] }));
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  campaign.driver.forgetPortion('spring.s1.0');
  await campaign.runner.request({ verb: 'rollback' }, 'ada', NEVER);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.events('lost').length).toBe(1);
  expect(campaign.runner.state.phase).toBe('rolled-back');
  for (const [device] of campaign.plan.stages[0]!.devices) expect(campaign.driver.softwareOf(device)).toBe('1');
});

test('an approval that is sent twice is none of the next stage, and none counts before there is something to see', async () => {
  const gates = [...STRICT_GATES, { type: 'approval' } as const];
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4, 4, 4], stage: { gates } }), {
    fate: () => ({ outcome: 'installed', afterMs: 60_000 }),
  });
  const approve = () => campaign.runner.request({ verb: 'approve' }, 'ada', NEVER);
  await expect(approve()).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringMatching(/not judged yet/) });
  await campaign.drive(5);
  await expect(approve()).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringMatching(/before its other/),
  });
  await campaign.drive(100);
  await approve();
  await campaign.runner.step(NEVER);
  await campaign.drive(0);
  expect(campaign.runner.state.stage).toBe(1);
  await expect(approve()).rejects.toMatchObject({ code: 'CONFLICT' });
  await campaign.drive(100);
  expect(campaign.runner.state).toMatchObject({ phase: 'running', stage: 1 });
  expect(campaign.driver.given.length).toBe(8);
});

test('what was accepted is no allowance for the same number of devices to fail again', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4, 4] }), {
    fate: () => ({ outcome: 'failed', afterMs: 1_000 }),
  });
  const ask = (verb: 'resume' | 'retry-failed') => campaign.runner.request({ verb }, 'ada', NEVER);
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  await ask('resume');
  await campaign.drive(100);
  expect(campaign.runner.state.phase).toBe('running');
  await ask('retry-failed');
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state.pause).toMatchObject({ cause: 'gate' });
});

const DAY_MS = 86_400_000;
const SOAKED = [...STRICT_GATES, { type: 'soak', seconds: 86_400 } as const];

test('a soak time in which nobody has looked begins anew, whoever was away', async () => {
  const paused = await drivenCampaign(campaignPlan({ sizes: [4, 4], stage: { gates: SOAKED } }));
  await paused.drive(100);
  await paused.runner.request({ verb: 'pause' }, 'ada', NEVER);
  await paused.pacing.delay(2 * DAY_MS);
  await paused.runner.request({ verb: 'resume' }, 'ada', NEVER);
  await paused.drive(100);
  expect(paused.runner.state).toMatchObject({ phase: 'running', stage: 0 });
  expect(paused.events('noted').map(({ text }) => text)).toContainEqual(expect.stringMatching(/soak times begin anew/));

  const killed = await drivenCampaign(campaignPlan({ sizes: [4, 4], stage: { gates: SOAKED } }));
  await killed.drive(100);
  await killed.pacing.delay(400 * DAY_MS);
  const { plan, journal, driver, pacing } = killed;
  const runner = await CampaignRunner.open({ plan, journal, driver, pacing });
  await drive(runner, pacing, 100);
  expect(runner.state).toMatchObject({ phase: 'running', stage: 0 });

  let isDown = false;
  const cut = await drivenCampaign(campaignPlan({ sizes: [4, 4], stage: { gates: SOAKED } }), {
    around: () => {
      if (isDown) throw new OtaError('NETWORK_FAILED', 'no answer');
    },
  });
  await cut.drive(100);
  isDown = true;
  while (cut.pacing.now().getTime() < PLANNED_AT + 2 * DAY_MS) await cut.drive(1);
  isDown = false;
  await cut.drive(100);
  expect(cut.runner.state).toMatchObject({ phase: 'running', stage: 0 });
});

test('a process that is started anew in a soak time waits for what is left of it, not for all', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4, 4], stage: { gates: SOAKED } }));
  let { runner } = campaign;
  const { plan, journal, driver, pacing } = campaign;
  while (runner.state.stage === 0) {
    await drive(runner, pacing, 300);
    await pacing.delay(20 * 60_000);
    runner = await CampaignRunner.open({ plan, journal, driver, pacing });
  }
  expect(pacing.now().getTime() - PLANNED_AT).toBeLessThan(1.1 * DAY_MS);
  expect(journal.entries.length).toBeLessThan(200);
});

test('failures are not forgotten by a server that gives those who are tried again nothing', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [6, 4] }), {
    fate: (device) => ({ outcome: /s1-000[0-3]/.test(device) ? 'failed' : 'installed', afterMs: 1_000 }),
    // As a hawkBit, for which a device that has failed has been assigned the set.
    tamper: (name, progress) => {
      if (!name.includes('retry')) return progress;
      const counts = { ...progress.counts, already: progress.total, running: 0, failed: 0, waiting: 0 };
      return { ...progress, status: 'finished', counts };
    },
  });
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  await campaign.runner.request({ verb: 'retry-failed' }, 'ada', NEVER);
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state).toMatchObject({ stage: 0, pause: { cause: 'gate' } });
  expect(campaign.runner.state.stages[0]!.figures).toMatchObject({ installed: 2, failed: 4, already: 0 });
});

test('a device that did not go back is not back because it was told to a second time', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4] }), {
    fate: (device, { id }) => ({
      outcome: id === '1' && device === 's1-0002' ? 'failed' : 'installed',
      afterMs: 1_000,
    }),
    tamper: (name, progress) => {
      if (name !== 'spring.back1') return progress;
      const counts = { ...progress.counts, already: progress.total, running: 0, failed: 0, waiting: 0 };
      return { ...progress, status: 'finished', counts };
    },
  });
  await campaign.drive();
  for (let attempt = 0; attempt < 2; attempt++) {
    await campaign.runner.request({ verb: 'rollback' }, 'ada', NEVER);
    expect(await campaign.drive()).toEqual({ kind: 'over' });
    expect(campaign.runner.state.phase).toBe('rollback-failed');
  }
  expect(campaign.events('rolling-back')[1]!.batches).toMatchObject([{ devices: ['s1-0002'] }]);
});

test('figures of a stage are never told under the name of the next', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4, 6] }), {
    fate: () => ({ outcome: 'installed', afterMs: 60_000 }),
  });
  for (let next = 'again'; next !== 'over'; ) {
    ({ kind: next } = (await campaign.runner.step(NEVER)).next);
    const { stages } = campaign.runner.view({ isDriven: true });
    for (const { figures, devices } of stages) expect(figures?.total ?? devices).toBe(devices);
    await campaign.pacing.delay(5_000);
  }
});

test('the end says how many went back and what became of the others', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4] }), {
    fate: (device, { id }) => ({
      outcome: id === '1' && device === 's1-0002' ? 'failed' : 'installed',
      afterMs: 1_000,
    }),
  });
  await campaign.drive();
  await campaign.runner.request({ verb: 'rollback' }, 'ada', NEVER);
  await campaign.drive();
  expect(campaign.runner.state.endReason).toBe('3 of 4 devices went back; 1 did not: 1 failed');
  expect(campaign.events('failures').at(-1)).toMatchObject({ stage: null, devices: [{ device: 's1-0002' }] });
});

test('what became of devices that were on their way is counted before it ends, and is what a person is told', async () => {
  const fate = (device: string) => ({
    outcome: 'installed' as const,
    afterMs: device.endsWith('3') ? 300_000 : 30_000,
  });
  const aborted = await drivenCampaign(campaignPlan({ sizes: [6] }), { fate });
  await aborted.drive(3);
  await aborted.pacing.delay(60_000);
  await aborted.runner.request({ verb: 'abort' }, 'ada', NEVER);
  expect(await aborted.drive()).toEqual({ kind: 'over' });
  expect(aborted.runner.state.endReason).toMatch(/6 devices: 5 installed, 1 canceled$/);
  expect(aborted.events('failures')).toEqual([]);

  const gates = [{ type: 'success', atLeastPercent: 50, confidencePercent: 50, completedPercent: 50 } as const];
  const finished = await drivenCampaign(campaignPlan({ sizes: [6, 6], stages: [{ gates }, {}] }), { fate });
  expect(await finished.drive()).toEqual({ kind: 'over' });
  expect(finished.runner.state.endReason).toBe('12 devices: 12 installed');
  expect(finished.events('counted')).toMatchObject([{ stages: [{ stage: 0, figures: { installed: 6 } }] }]);
});

test('no stage passes on what a probe said before its devices had the update', async () => {
  const often = { timeoutSeconds: 1, everySeconds: 86_400 };
  const probe = { type: 'probe', url: 'http://127.0.0.1:1/', otherwise: 'pause', ...often } as const;
  let installed = 0;
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4, 4], stage: { gates: [...STRICT_GATES, probe] } }), {
    fate: () => ({ outcome: 'installed', afterMs: 600_000 }),
    tamper: (_, progress) => {
      installed = progress.counts.installed;
      return progress;
    },
    gauges: {
      probe: async () => ({ outcome: installed > 0 ? 'bad' : 'good', said: `${installed} have it` }),
    },
  });
  expect(await campaign.drive()).toEqual({ kind: 'rest' });
  expect(campaign.runner.state).toMatchObject({ stage: 0, pause: { cause: 'gate', reason: 'probe: 4 have it' } });
});

test('a stage that is given out for hours asks for what has ended no more often, the longer it takes', async () => {
  let asked = 0;
  const plan = campaignPlan({ sizes: [240], stage: { rate: { devicesPerMinute: 1, growth: 1 } } });
  const campaign = await drivenCampaign(plan, {
    around: (when, call) => {
      if (when === 'before' && call === 'progress') asked += 1;
    },
  });
  expect(await campaign.drive(100_000)).toEqual({ kind: 'over' });
  expect(campaign.driver.portions.length).toBe(240);
  expect(asked).toBeLessThan(70 * 240);
});
