import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allot } from '../../../src/lib/rollout/allot.js';
import { type Candidate, placeDevices, type StageMembers } from '../../../src/lib/rollout/place-devices.js';
import { seededRank } from '../../../src/lib/rollout/seeded-rank.js';

const MODELS = ['M100', 'M200', 'M300'];
const REGIONS = ['north', 'south'];

const fleet = fc
  .array(fc.tuple(fc.constantFrom(...MODELS), fc.constantFrom(...REGIONS), fc.boolean()), {
    minLength: 1,
    maxLength: 150,
  })
  .map((devices) => devices.map(([model, region], at) => candidate(`d${at}`, { labels: [model, region] })));
const seeds = fc.nat();

function candidate(id: string, changes: Partial<Candidate> = {}): Candidate {
  return { id, cohort: 0, labels: [], isCanary: false, ...changes };
}

function candidates(count: number, changes: Partial<Candidate> = {}): Candidate[] {
  return Array.from({ length: count }, (_, at) => candidate(`d${at}`, changes));
}

const share = (upTo: number): StageMembers => ({ kind: 'percent', upTo });
const listed = (...ids: string[]): StageMembers => ({ kind: 'listed', ids: new Set(ids) });
const idsOf = (devices: readonly Candidate[]) => devices.map(({ id }) => id);

const members = fc.oneof(
  fc.record({ kind: fc.constant('count' as const), devices: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ kind: fc.constant('percent' as const), upTo: fc.integer({ min: 1, max: 100 }) }),
  fc
    .array(fc.integer({ min: 0, max: 160 }), { maxLength: 20 })
    .map((places) => listed(...places.map((place) => `d${place}`))),
);

describe('devices in stages', () => {
  test('each is in exactly one stage, or in none', () => {
    fc.assert(
      fc.property(fleet, fc.array(members, { minLength: 1, maxLength: 6 }), seeds, (devices, wanted, seed) => {
        const { stages, rest } = placeDevices(devices, wanted, seed);
        const placed = idsOf([...stages.flat(), ...rest]);
        expect(placed.sort()).toEqual(idsOf(devices).sort());
      }),
    );
  });

  test('a share is met within one device, with the stages before', () => {
    fc.assert(
      fc.property(
        fleet,
        fc.uniqueArray(fc.integer({ min: 1, max: 100 }), { minLength: 1 }),
        seeds,
        (devices, shares, seed) => {
          const rising = [...shares].sort((a, b) => a - b);
          const { stages } = placeDevices(devices, rising.map(share), seed);
          let sofar = 0;
          for (const [at, upTo] of rising.entries()) {
            sofar += stages[at]!.length;
            expect(Math.abs(sofar - (upTo * devices.length) / 100)).toBeLessThan(1);
          }
        },
      ),
    );
  });

  test('the same seed chooses the same, in whatever order devices come', () => {
    fc.assert(
      fc.property(fleet, seeds, (devices, seed) => {
        const wanted = [share(10), share(40), share(100)];
        const once = placeDevices(devices, wanted, seed).stages.map(idsOf);
        expect(placeDevices([...devices].reverse(), wanted, seed).stages.map(idsOf)).toEqual(once);
      }),
    );
  });

  test('another seed chooses others', () => {
    const chosen = (seed: number) => idsOf(placeDevices(candidates(1000), [share(1), share(100)], seed).stages[0]!);
    expect(chosen(1)).not.toEqual(chosen(2));
  });

  test('every combination of labels is in a stage that has room for all of them', () => {
    fc.assert(
      fc.property(fleet, fc.integer({ min: 1, max: 150 }), seeds, (devices, size, seed) => {
        const kinds = new Set(devices.map(({ labels }) => labels.join()));
        const [stage = []] = placeDevices(devices, [{ kind: 'count', devices: size }], seed).stages;
        expect(new Set(stage.map(({ labels }) => labels.join())).size).toBe(Math.min(kinds.size, size, devices.length));
      }),
    );
  });

  test('in proportion', () => {
    const devices = [...Array(900).keys()].map((at) => candidate(`a${at}`, { labels: ['M100'] }));
    const others = [...Array(100).keys()].map((at) => candidate(`b${at}`, { labels: ['M200'] }));
    const [stage = []] = placeDevices([...devices, ...others], [share(5), share(100)], 7).stages;
    expect(stage.filter(({ labels }) => labels[0] === 'M200')).toHaveLength(5);
    expect(stage).toHaveLength(50);
  });

  test('canaries go first, and those that have no room go next', () => {
    const devices = [...candidates(97), ...['x', 'y', 'z'].map((id) => candidate(id, { isCanary: true }))];
    const { stages } = placeDevices(devices, [share(2), share(10), share(100)], 1);
    expect(stages[0]!.every(({ isCanary }) => isCanary)).toBe(true);
    expect(stages[1]![0]!.isCanary).toBe(true);
    expect(stages[1]!.slice(1).some(({ isCanary }) => isCanary)).toBe(false);
  });

  test('who is listed for a later stage is not chosen for an earlier one', () => {
    const { stages } = placeDevices(candidates(10), [share(50), listed('d1', 'd2', 'd3'), share(100)], 1);
    expect(idsOf(stages[1]!).sort()).toEqual(['d1', 'd2', 'd3']);
    expect(stages.map(({ length }) => length)).toEqual([5, 3, 2]);
  });
});

describe('a number that is shared out', () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 1, maxLength: 30 });

  test('adds up, goes beyond no size, and leaves none out that could have one', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 0, max: 5_000 }), (strata, total) => {
        const shares = allot(total, strata);
        const all = strata.reduce((sum, size) => sum + size, 0);
        const filled = strata.filter((size) => size > 0).length;
        expect(shares.reduce((sum, one) => sum + one, 0)).toBe(Math.min(total, all));
        expect(shares.every((one, at) => one >= 0 && one <= strata[at]!)).toBe(true);
        expect(shares.filter((one) => one > 0)).toHaveLength(total >= filled ? filled : Math.min(total, filled));
      }),
    );
  });

  test('is in proportion within one where each has one anyway', () => {
    expect(allot(10, [50, 30, 20])).toEqual([5, 3, 2]);
    expect(allot(10, [45, 35, 20])).toEqual([5, 3, 2]);
    expect(allot(7, [100, 1, 1])).toEqual([5, 1, 1]);
    expect(allot(2, [1, 5, 3])).toEqual([0, 1, 1]);
  });
});

test('names that differ in a digit stand anywhere in the order of a seed', () => {
  const ranks = Array.from({ length: 10_000 }, (_, at) => seededRank(`device-${at}`, 7) / 2 ** 53);
  const tenths = Array<number>(10).fill(0);
  for (const rank of ranks) tenths[Math.floor(rank * 10)]!++;
  // 1,000 each, give or take four standard deviations.
  expect(Math.min(...tenths)).toBeGreaterThan(880);
  expect(Math.max(...tenths)).toBeLessThan(1_120);
  expect(new Set(ranks).size).toBe(10_000);
});
