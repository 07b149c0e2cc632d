import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GateSpec } from '../../../../src/lib/rollout/gate-spec.js';
import { DEFAULT_MODEL, type FleetModel } from '../../../../src/lib/rollout/simulate/fleet-model.js';
import type { SimulatedMoment } from '../../../../src/lib/rollout/simulate/outcome.js';
import { simulateCampaign } from '../../../../src/lib/rollout/simulate/simulate-campaign.js';
import { campaignPlan, PLANNED_AT } from '../../../support/campaign-plan.js';
import { recommendedPlan } from '../../../support/simulated-plan.js';

const DAY = 86_400;
const HOUR = 3_600;
const plan = recommendedPlan(10_000);
const failing = (share: number, changes: Partial<FleetModel> = {}): FleetModel => ({
  ...DEFAULT_MODEL,
  failures: { share, models: {} },
  ...changes,
});
const good = failing(0, { stuck: 0 });
const seeds = fc.integer({ min: 0, max: 2 ** 31 });

describe('by the recommended plan', () => {
  test('a good build gets through, on any fleet, after three days of soak time', () => {
    const fleets = fc.record({
      poll: fc.integer({ min: 1, max: 7_200 }),
      update: fc
        .tuple(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 1, max: 6 }))
        .map(([median, times]) => ({ median, p95: median * times })),
    });
    fc.assert(
      fc.property(seeds, fleets, (seed, fleet) => {
        const { end, seconds, count } = simulateCampaign(plan, { ...good, ...fleet }, seed);
        expect(end).toBe('finished');
        expect(seconds).toBeGreaterThan(3 * DAY);
        expect(count).toMatchObject({ offered: 10_000, failed: 0, bad: 0 });
      }),
      { numRuns: 5 },
    );
  });

  test('a build that fails everywhere never leaves the pilot', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { end, stage, count, reason } = simulateCampaign(plan, failing(1), seed);
        expect({ end, stage, offered: count.offered }).toEqual({ end: 'paused', stage: 0, offered: 100 });
        // 20 have to have ended, and it looks every 30 seconds.
        expect(count.failed).toBeGreaterThanOrEqual(20);
        expect(count.failed).toBeLessThan(60);
        expect(reason).toMatch(/^failure: \d+ of \d+ failed/);
      }),
      { numRuns: 20 },
    );
  });

  test('one that leaves every device silent is paused when the day is over', () => {
    const { end, stage, seconds, count } = simulateCampaign(plan, failing(0, { stuck: 1 }), 1);
    expect({ end, stage, offered: count.offered }).toEqual({ end: 'paused', stage: 0, offered: 100 });
    expect(seconds).toBeGreaterThanOrEqual(DAY);
    expect(seconds).toBeLessThan(DAY + 2 * HOUR);
  });

  test('one that turns bad on every device within the soak time finishes: no gate of the plan asks for health', () => {
    const late = { share: 1, after: [HOUR, 2 * HOUR] as [number, number], silent: 0 };
    expect(simulateCampaign(plan, { ...good, late }, 1).end).toBe('finished');
  });
});

test('the same seed gives the same campaign, another seed another one', () => {
  const run = (seed: number) => {
    const moments: SimulatedMoment[] = [];
    const outcome = simulateCampaign(plan, failing(0.03), seed, (moment) => moments.push(moment));
    return { outcome, moments };
  };
  expect(run(5)).toEqual(run(5));
  expect(run(5).moments).not.toEqual(run(6).moments);
});

test('at every moment of any campaign each device is counted once, and none comes back', () => {
  const share = fc.double({ min: 0, max: 0.2, noNaN: true });
  const models = fc.record({ failures: share, stuck: share, late: share });
  fc.assert(
    fc.property(seeds, models, (seed, { failures, stuck, late }) => {
      const model = failing(failures, { stuck, late: { share: late, after: [60, 7_200], silent: 0.5 } });
      let before: SimulatedMoment | undefined;
      const { count } = simulateCampaign(plan, model, seed, (now) => {
        expect(now.installed + now.failed + now.stuck).toBeLessThanOrEqual(now.offered);
        expect(now.installed + now.failed).toBeLessThanOrEqual(now.reached);
        expect(now.bad).toBeLessThanOrEqual(now.installed);
        for (const key of ['seconds', 'stage', 'offered', 'reached', 'installed', 'failed', 'hung', 'bad'] as const) {
          expect(now[key]).toBeGreaterThanOrEqual(before?.[key] ?? 0);
        }
        before = now;
      });
      expect(count.offered).toBeLessThanOrEqual(10_000);
    }),
    { numRuns: 8 },
  );
});

test('a build that fails more often is never let further, on the same fleet', () => {
  // Without early looks: judged once, when all have ended. What is looked at again and again may be stopped by chance.
  const gates = [
    { type: 'success', atLeastPercent: 90, confidencePercent: 95, completedPercent: 100 },
    { type: 'failure', atMostPercent: 10, confidencePercent: 95, minimumSample: 400, otherwise: 'pause' },
  ] as const;
  const once = campaignPlan({ sizes: [400, 400, 400], stage: { gates: [...gates] } });
  const present = { offline: { share: 0, for: [1, 1] as [number, number] }, stuck: 0 };
  const share = fc.double({ min: 0, max: 0.3, noNaN: true });
  fc.assert(
    fc.property(seeds, share, share, (seed, one, other) => {
      const [better, worse] = [Math.min(one, other), Math.max(one, other)].map((failures) =>
        simulateCampaign(once, failing(failures, present), seed),
      );
      expect(worse!.count.offered).toBeLessThanOrEqual(better!.count.offered);
    }),
    { numRuns: 30 },
  );
});

describe('gates', () => {
  const health = (rule: string) =>
    ({ type: 'health', rule, windowSeconds: HOUR, minimumSample: 50, otherwise: 'pause' }) as const;
  const late = (silent: number) => ({ share: 0.5, after: [4 * HOUR, 8 * HOUR] as [number, number], silent });

  test('that ask for errors see devices that turn bad within the soak time', () => {
    const watched = recommendedPlan(10_000, { others: [health('errorRate < 1%')] });
    expect(simulateCampaign(watched, good, 1).end).toBe('finished');
    const { end, stage, seconds, count, reason } = simulateCampaign(watched, { ...good, late: late(0) }, 1);
    expect({ end, stage, offered: count.offered }).toEqual({ end: 'paused', stage: 0, offered: 100 });
    expect(reason).toMatch(/^health: /);
    expect(seconds).toBeGreaterThan(4 * HOUR);
    expect(seconds).toBeLessThan(12 * HOUR);
  });

  test('that ask who is offline see devices that are heard of no more', () => {
    const watched = recommendedPlan(10_000, { others: [health('offline < 20%')] });
    expect(simulateCampaign(watched, good, 1).end).toBe('finished');
    expect(simulateCampaign(watched, { ...good, late: late(1) }, 1)).toMatchObject({ end: 'paused', stage: 0 });
  });

  test('that ask for a metric get it from the model, and a model without it is refused', () => {
    const watched = recommendedPlan(10_000, { others: [health('p95(net.latencyMs) < 120% of control')] });
    const measuring = (after: number): FleetModel => ({
      ...good,
      telemetry: { ...good.telemetry, metrics: { 'net.latencyMs': { before: 100, after } } },
    });
    expect(simulateCampaign(watched, measuring(110), 1).end).toBe('finished');
    expect(simulateCampaign(watched, measuring(130), 1)).toMatchObject({ end: 'paused', stage: 0 });
    expect(() => simulateCampaign(watched, good, 1)).toThrow('the model says nothing of net.latencyMs');
  });

  test('that need an approval get it after the time that somebody takes, and not before the others hold', () => {
    const approved = recommendedPlan(10_000, { isApproved: true });
    const slow = { ...good, approval: 10 * HOUR };
    const { end, seconds } = simulateCampaign(approved, slow, 1);
    expect(end).toBe('finished');
    expect(seconds).toBeGreaterThan(3 * (DAY + 10 * HOUR));
    expect(seconds).toBeLessThan(3 * (DAY + 10 * HOUR) + DAY + 4 * HOUR);
    expect(simulateCampaign(approved, failing(1), 1)).toMatchObject({ end: 'paused', stage: 0 });
  });

  test('that abort end it', () => {
    const strict = { type: 'failure', atMostPercent: 5, confidencePercent: 95, minimumSample: 20, otherwise: 'abort' };
    const aborting = recommendedPlan(10_000, { failure: strict as never });
    expect(simulateCampaign(aborting, failing(0.5), 1)).toMatchObject({ end: 'aborted', stage: 0 });
    const back = { ...aborting, onAbort: 'rollback' as const };
    expect(simulateCampaign(back, failing(0.5), 1)).toMatchObject({ end: 'aborted', stage: 0 });
  });

  test('probes and commands are taken to be good', () => {
    const asked = { timeoutSeconds: 1, everySeconds: 60, otherwise: 'pause' } as const;
    const probe = { type: 'probe', url: 'http://127.0.0.1:1/', ...asked } as const;
    const command = { type: 'command', argv: ['false'], ...asked } as GateSpec;
    expect(simulateCampaign(recommendedPlan(10_000, { others: [probe, command] }), good, 1).end).toBe('finished');
  });
});

test('a rate, a start time and a window hold a campaign back', () => {
  const gates = [{ type: 'success', atLeastPercent: 50, confidencePercent: 50, completedPercent: 100 }] as const;
  const present = { ...good, offline: { share: 0, for: [1, 1] as [number, number] } };
  const run = (stage: object) =>
    simulateCampaign(campaignPlan({ sizes: [600], stage: { gates: [...gates], ...stage } }), present, 1);
  expect(run({}).seconds).toBeLessThan(2 * HOUR);
  const rated = run({ rate: { devicesPerMinute: 5, growth: 1 } });
  expect(rated).toMatchObject({ end: 'finished', count: { installed: 600 } });
  expect(rated.seconds).toBeGreaterThan(119 * 60);
  const growing = run({ rate: { devicesPerMinute: 5, growth: 2 } });
  expect(growing.seconds).toBeLessThan(rated.seconds);
  const startAt = new Date(PLANNED_AT + 5 * HOUR * 1000).toISOString();
  expect(run({ startAt }).seconds).toBeGreaterThan(5 * HOUR);
  const window = { schedule: '0 0 3 * * ?', duration: '02:00:00', timezone: '+00:00' };
  const nightly = run({ window });
  expect(nightly.end).toBe('finished');
  expect(nightly.seconds).toBeGreaterThan(15 * HOUR);
});

test('a package that expires meanwhile stops the campaign', () => {
  const expiresAt = new Date(PLANNED_AT + 30 * HOUR * 1000).toISOString();
  const expiring = { ...plan, package: { ...plan.package, expiresAt } };
  const { end, reason } = simulateCampaign(expiring, good, 1);
  expect(end).toBe('paused');
  expect(reason).toContain('expired');
});
