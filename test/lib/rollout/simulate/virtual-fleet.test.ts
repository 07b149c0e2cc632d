import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_MODEL, type FleetModel } from '../../../../src/lib/rollout/simulate/fleet-model.js';
import { VirtualFleet } from '../../../../src/lib/rollout/simulate/virtual-fleet.js';
import { campaignPlan } from '../../../support/campaign-plan.js';

const HOUR = 3_600_000;
const START = Date.UTC(2026, 10, 29, 12);
const STUCK = { type: 'stuck', afterSeconds: 7_200, atMostPercent: 5, otherwise: 'pause' } as const;

const share = fc.double({ min: 0, max: 1, noNaN: true });
const models: fc.Arbitrary<FleetModel> = fc.record({
  poll: fc.integer({ min: 1, max: 7_200 }),
  offline: fc.record({ share, for: fc.constant<[number, number]>([60, 40_000]) }),
  update: fc.record({ median: fc.integer({ min: 1, max: 600 }), p95: fc.integer({ min: 600, max: 9_000 }) }),
  failures: fc.record({ share, models: fc.constant({}) }),
  stuck: share,
  late: fc.record({ share, after: fc.constant<[number, number]>([10, 20_000]), silent: share }),
  telemetry: fc.constant(DEFAULT_MODEL.telemetry),
  approval: fc.constant(0),
  observe: fc.constant(30),
});

function fleetOf(model: Partial<FleetModel>, { devices = 200, seed = 1, plan = {} } = {}): VirtualFleet {
  const made = campaignPlan({ sizes: [devices], ...plan });
  return new VirtualFleet(made, { ...DEFAULT_MODEL, ...model }, seed, START);
}

/** Lets everything happen that ever will. */
function exhaust(fleet: VirtualFleet): void {
  while (fleet.nextAt < Number.POSITIVE_INFINITY) fleet.advance(fleet.nextAt);
}

describe('at every moment', () => {
  test('each device is counted once, and none goes back to where it was', () => {
    fc.assert(
      fc.property(
        models,
        fc.integer(),
        fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 6 }),
        (model, seed, parts) => {
          const plan = campaignPlan({ sizes: [parts.reduce((sum, part) => sum + part, 1)], stage: { gates: [STUCK] } });
          const fleet = new VirtualFleet(plan, model, seed, START);
          let given = 0;
          let before = fleet.count();
          for (const [index, part] of parts.entries()) {
            fleet.give(0, given, given + part, START + index * HOUR);
            given += part;
            for (let look = 0; look < 5 && fleet.nextAt < START + (index + 1) * HOUR; look++)
              fleet.advance(fleet.nextAt);
            const { total, waiting, running, stuck, installed, failed } = fleet.figures(0);
            expect(waiting + running + stuck + installed + failed).toBe(total);
            expect(Math.min(waiting, running, stuck, installed, failed)).toBeGreaterThanOrEqual(0);
            const now = fleet.count();
            for (const key of ['offered', 'reached', 'installed', 'failed', 'hung', 'bad', 'silent'] as const) {
              expect(now[key]).toBeGreaterThanOrEqual(before[key]);
            }
            expect(now.bad).toBeLessThanOrEqual(now.installed);
            expect(now.silent).toBeLessThanOrEqual(now.bad);
            expect(now.installed + now.failed + now.hung).toBeLessThanOrEqual(now.reached);
            before = now;
          }
          exhaust(fleet);
          const end = fleet.figures(0);
          // Whoever is still on its way will never end: by then it is stuck.
          expect(end.running).toBe(0);
          expect(end.installed + end.failed + end.stuck).toBe(given);
          expect(fleet.count().hung).toBe(end.stuck);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('more failures never mean that fewer devices fail', () => {
    fc.assert(
      fc.property(models, fc.integer(), share, share, (model, seed, one, other) => {
        const failed = [Math.min(one, other), Math.max(one, other)].map((failures) => {
          const fleet = fleetOf({ ...model, failures: { share: failures, models: {} } }, { seed });
          fleet.give(0, 0, 200, START);
          exhaust(fleet);
          return fleet.count().failed;
        });
        expect(failed[1]!).toBeGreaterThanOrEqual(failed[0]!);
      }),
      { numRuns: 100 },
    );
  });

  test('a device meets the same fate in whatever portion it comes', () => {
    const outcome = (cuts: number[]) => {
      const fleet = fleetOf({ failures: { share: 0.3, models: {} }, stuck: 0.1 }, { seed: 7 });
      let from = 0;
      for (const to of [...cuts, 200]) {
        fleet.give(0, from, to, START);
        from = to;
      }
      exhaust(fleet);
      return fleet.count();
    };
    expect(outcome([50, 51, 120])).toEqual(outcome([]));
  });
});

describe('as often as the model says', () => {
  const count = (model: Partial<FleetModel>, plan = {}) => {
    const fleet = fleetOf(model, { devices: 40_000, plan });
    fleet.give(0, 0, 40_000, START);
    exhaust(fleet);
    return fleet.count();
  };

  test('devices fail, get stuck and turn bad', () => {
    const { failed, installed, bad, silent } = count({
      failures: { share: 0.05, models: {} },
      stuck: 0.02,
      late: { share: 0.1, after: [10, 20], silent: 0.5 },
    });
    expect(failed / 40_000).toBeCloseTo(0.05, 2);
    expect(installed / 40_000).toBeCloseTo(0.93, 2);
    expect(bad / installed).toBeCloseTo(0.1, 2);
    expect(silent / bad).toBeCloseTo(0.5, 1);
  });

  test('one kind of device fails more often than others', () => {
    const cohorts = [{ model: 'M100' }, { model: 'M200' }, { model: null }, { model: 'constructor' }];
    const { failed } = count({ failures: { share: 0, models: { M200: 0.4 } } }, { cohorts });
    expect(failed / 40_000).toBeCloseTo(0.1, 2);
  });

  test('updates take as long as they do: half of them the median, one in twenty more than the p95', () => {
    const fleet = fleetOf(
      { poll: 0.001, offline: { share: 0, for: [0, 0] }, stuck: 0, update: { median: 100, p95: 400 } },
      { devices: 40_000 },
    );
    fleet.give(0, 0, 40_000, START);
    const endedBy = (seconds: number) => {
      fleet.advance(START + seconds * 1000);
      const { installed, failed } = fleet.count();
      return (installed + failed) / 40_000;
    };
    expect(endedBy(100)).toBeCloseTo(0.5, 2);
    expect(endedBy(400)).toBeCloseTo(0.95, 2);
  });

  test('devices that are away come back within the time that the model says', () => {
    const fleet = fleetOf({ poll: 1, offline: { share: 0.25, for: [3_600, 7_200] } }, { devices: 40_000 });
    fleet.give(0, 0, 40_000, START);
    const reachedBy = (seconds: number) => {
      fleet.advance(START + seconds * 1000);
      return fleet.count().reached / 40_000;
    };
    expect(reachedBy(3_500)).toBeCloseTo(0.75, 2);
    expect(reachedBy(7_202)).toBe(1);
  });
});

test('with a maintenance window devices begin only while it is open', () => {
  // From 3 to 4 each night; it is given at noon.
  const window = { schedule: '0 0 3 * * ?', duration: '01:00:00', timezone: '+00:00' };
  const model = { poll: 1_800, offline: { share: 0.5, for: [72_000, 172_800] as [number, number] } };
  const fleet = fleetOf(model, { devices: 2_000, plan: { stage: { window } } });
  fleet.give(0, 0, 2_000, START);
  fleet.advance(START + 15 * HOUR);
  expect(fleet.count().reached).toBe(0);
  fleet.advance(START + 15.5 * HOUR);
  const first = fleet.count().reached;
  expect(first).toBeGreaterThan(900);
  fleet.advance(START + 38.9 * HOUR);
  expect(fleet.count().reached).toBeLessThan(1_100);
  const night = fleet.count().reached;
  fleet.advance(START + 39.5 * HOUR);
  expect(fleet.count().reached).toBeGreaterThan(night);
});

test('a device that says nothing for longer than the gate allows is stuck until it says something', () => {
  const away = { share: 1, for: [10_800, 10_800] as [number, number] };
  const fleet = fleetOf({ poll: 1, offline: away, stuck: 0 }, { devices: 10, plan: { stage: { gates: [STUCK] } } });
  fleet.give(0, 0, 10, START);
  fleet.advance(START + 7_199_000);
  expect(fleet.figures(0)).toMatchObject({ running: 10, stuck: 0 });
  fleet.advance(START + 7_200_000);
  expect(fleet.figures(0)).toMatchObject({ running: 0, stuck: 10 });
  fleet.advance(START + 10_801_000);
  expect(fleet.figures(0)).toMatchObject({ running: 10, stuck: 0 });
});
