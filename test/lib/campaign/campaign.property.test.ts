import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openCampaign } from '../../../src/lib/campaign/open-campaign.js';
import { CampaignRunner } from '../../../src/lib/campaign/runner.js';
import { OtaError } from '../../../src/lib/core/errors.js';
import { applyEvent } from '../../../src/lib/rollout/apply-event.js';
import type { CampaignState } from '../../../src/lib/rollout/campaign-state.js';
import type { CampaignRequest } from '../../../src/lib/rollout/campaign-view.js';
import type { GateSpec } from '../../../src/lib/rollout/gate-spec.js';
import { EMPTY_JOURNAL, followJournal } from '../../../src/lib/rollout/journal-chain.js';
import type { RolloutPlan } from '../../../src/lib/rollout/plan.js';
import { campaignPlan, PLANNED_AT } from '../../support/campaign-plan.js';
import { NEVER } from '../../support/driven-campaign.js';
import { MemoryDriver } from '../../support/fleet-in-memory.js';
import { leapingTime } from '../../support/leaping-time.js';
import { MemoryJournal } from '../../support/memory-journal.js';

/** At most so many steps: a campaign that is neither over nor at rest by then waits for a person. */
const STEPS = 250;
const POLL_MS = 20_000;

class Crash extends Error {}

const otherwise = fc.constantFrom<'pause' | 'abort'>('pause', 'abort');
const gates = fc
  .record({
    failure: fc.option(otherwise),
    stuck: fc.option(otherwise),
    soakSeconds: fc.constantFrom(0, 60),
    hasApproval: fc.boolean(),
    completedPercent: fc.constantFrom(50, 90, 100),
  })
  .map(({ failure, stuck, soakSeconds, hasApproval, completedPercent }): GateSpec[] => [
    { type: 'success', atLeastPercent: 50, confidencePercent: 50, completedPercent },
    ...(failure
      ? [{ type: 'failure', atMostPercent: 30, confidencePercent: 50, minimumSample: 2, otherwise: failure } as const]
      : []),
    { type: 'stuck', afterSeconds: 120, atMostPercent: 40, otherwise: stuck ?? 'pause' },
    ...(soakSeconds > 0 ? [{ type: 'soak', seconds: soakSeconds } as const] : []),
    ...(hasApproval ? [{ type: 'approval' } as const] : []),
  ]);

const stage = fc.record({
  gates,
  rate: fc.option(fc.record({ devicesPerMinute: fc.constantFrom(0.5, 1.5, 3), growth: fc.constantFrom(1, 2) })),
});

const world = fc.record({
  sizes: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
  stages: fc.array(stage, { minLength: 3, maxLength: 3 }),
  onAbort: fc.constantFrom<'stop' | 'rollback'>('stop', 'rollback'),
  /** By device, one after the other. */
  fates: fc.infiniteStream(
    fc.record({
      outcome: fc.oneof(
        { weight: 6, arbitrary: fc.constant('installed' as const) },
        fc.constantFrom<'failed' | 'silent'>('failed', 'silent'),
      ),
      afterMs: fc.integer({ min: 0, max: 90_000 }),
    }),
  ),
  hadIt: fc.array(fc.boolean(), { minLength: 18, maxLength: 18 }),
  crashes: fc.uniqueArray(fc.oneof(fc.integer({ min: 0, max: 16 }), fc.integer({ min: 0, max: 120 })), {
    maxLength: 4,
  }),
  /** What is asked for right after the crashes, before anything else. */
  afterCrashes: fc.array(fc.constantFrom<CampaignRequest['verb'] | null>(null, 'pause', 'abort', 'rollback'), {
    minLength: 4,
    maxLength: 4,
  }),
  outages: fc.uniqueArray(fc.integer({ min: 0, max: 120 }), { maxLength: 4 }),
  requests: fc.array(
    fc.record({
      atStep: fc.integer({ min: 0, max: 100 }),
      verb: fc.constantFrom<CampaignRequest['verb']>('pause', 'resume', 'approve', 'abort', 'rollback', 'retry-failed'),
    }),
    { maxLength: 8 },
  ),
});
type World = typeof world extends fc.Arbitrary<infer T> ? T : never;

function planOf({ sizes, stages, onAbort }: World): RolloutPlan {
  const cohorts = [{}, { previous: null, cannotReturn: 'nobody knows what it ran' }];
  return campaignPlan({ sizes, stages: stages.slice(0, sizes.length), onAbort, cohorts });
}

/** What holds at every moment, by the journal and by what the server has seen. */
function checkStep(
  plan: RolloutPlan,
  before: CampaignState,
  after: CampaignState,
  driver: MemoryDriver,
  started: number,
): void {
  const newCalls = driver.calls.slice(started);
  // Nothing is started once it stands still or is given up, but for the way back.
  if (before.phase !== 'running') {
    expect(newCalls.filter((call) => call.startsWith('start ') && !call.includes('.back'))).toEqual([]);
  }
  for (const call of newCalls) {
    const stageNumber = Number(/^(?:prepare|start) spring\.s(\d+)\./.exec(call)?.[1] ?? 1);
    // A stage never begins before the one before has passed.
    const earlier = before.stages.slice(0, stageNumber - 1).map(({ status }) => status);
    if (before.phase === 'running') expect(earlier.every((status) => status === 'passed')).toBe(true);
  }
  for (const [index, { figures, given }] of after.stages.entries()) {
    const total = plan.stages[index]!.devices.length;
    expect(given).toBeLessThanOrEqual(total);
    if (figures === null) continue;
    const { total: told, ...counts } = figures;
    expect(told).toBe(total);
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(total);
  }
}

/** No device is in two portions of the same attempt, and none is left out of what was given. */
function checkPortions(plan: RolloutPlan, state: CampaignState): void {
  for (const [index, { devices }] of plan.stages.entries()) {
    const ranges = state.portions
      .filter((portion) => portion.stage === index)
      .flatMap(({ range }) => (range ? [range] : []));
    let end = 0;
    for (const [from, to] of ranges) {
      expect(from).toBe(end);
      end = to;
    }
    expect(end).toBe(state.stages[index]!.given);
    if (state.stages[index]!.status === 'passed') expect(end).toBe(devices.length);
  }
}

async function live(world: World): Promise<void> {
  const plan = planOf(world);
  const devices = plan.stages.flatMap((one) => one.devices.map(([name]) => name));
  const pacing = leapingTime(PLANNED_AT);
  let point = 0;
  const fates = new Map<string, { outcome: 'installed' | 'failed' | 'silent'; afterMs: number }>();
  const around = () => {
    const at = point++;
    if (world.crashes.includes(at)) throw new Crash();
    if (world.outages.includes(at)) throw new OtaError('NETWORK_FAILED', 'the connection failed');
  };
  const driver = new MemoryDriver({
    pacing,
    around,
    having: new Map(devices.map((device, at) => [device, world.hadIt[at] && at % 3 === 0 ? '2' : '1'])),
    fate: (device, { id }, attempt) => {
      const key = `${device} ${id} ${attempt}`;
      if (!fates.has(key)) fates.set(key, world.fates.next().value);
      return fates.get(key)!;
    },
  });
  const journal = new MemoryJournal();
  await openCampaign(journal, plan, { by: 'ada', time: PLANNED_AT });
  const reopen = () => CampaignRunner.open({ plan, journal, driver, pacing, pollMs: POLL_MS });
  let runner = await reopen();
  const ask = async (verb: CampaignRequest['verb']) => {
    await runner.request({ verb }, 'ada', NEVER).catch((error: unknown) => {
      if (!(error instanceof OtaError)) throw error;
    });
  };
  let crashes = 0;
  let last = 'now';
  for (let step = 0; step < STEPS; step++) {
    const started = driver.calls.length;
    try {
      for (const { verb } of world.requests.filter(({ atStep }) => atStep === step)) await ask(verb);
      const asked = runner.state;
      const { next } = await runner.step(NEVER);
      last = next.kind;
      checkStep(plan, asked, runner.state, driver, started);
      if (next.kind === 'later') await pacing.delay(next.afterMs);
      if (next.kind === 'rest' || next.kind === 'over') {
        if (!world.requests.some(({ atStep }) => atStep > step)) break;
      }
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      runner = await reopen();
      const verb = world.afterCrashes[crashes++];
      if (verb) await ask(verb);
    }
  }
  const { state } = runner;
  followJournal(EMPTY_JOURNAL, journal.entries);
  let replayed: CampaignState | undefined;
  for (const entry of journal.entries) replayed = applyEvent(replayed, entry, plan);
  expect(replayed).toEqual(state);
  checkPortions(plan, state);

  const retried = state.portions
    .filter(({ name }) => name.includes('.retry'))
    .flatMap((portion) => portion.devices ?? []);
  for (const device of devices) {
    const times = driver.given.filter((one) => one === `${device} 2`).length;
    const tries = retried.filter((one) => one === device).length;
    expect(times, `${device} was given the update`).toBeLessThanOrEqual(1 + tries);
    const stageOf = plan.stages.findIndex((one) => one.devices.some(([name]) => name === device));
    const had = driver.softwareOf(device) === '2' && times === 0;
    if (state.stages[stageOf]!.status === 'passed' && !had) expect(times, device).toBeGreaterThanOrEqual(1);
  }
  // It has ended, or stands still, or waits: each for a reason that is told.
  if (last === 'over') expect(state.endReason).not.toBe('');
  else if (last === 'rest') expect(state.pause!.reason).not.toBe('');
  else expect(state.stages[state.stage]!.verdict!.reason).not.toBe('');
  if (last === 'later' || last === 'now') {
    const { verdict } = state.stages[state.stage]!;
    expect(verdict!.reason).toMatch(/waits for somebody to approve|approve passes the stage/);
  }
}

test('whatever devices, operators, networks and crashes do: nobody gets it twice, nobody is forgotten, nothing runs unjudged', async () => {
  await fc.assert(fc.asyncProperty(world, live), { numRuns: 120 });
});
