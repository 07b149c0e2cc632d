import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { errorThresholdPercent, portionThreshold } from '../../../src/lib/rollout/error-threshold.js';
import type { GateSpec } from '../../../src/lib/rollout/gate-spec.js';
import { impossibleGates } from '../../../src/lib/rollout/impossible-gates.js';
import { judgeStage } from '../../../src/lib/rollout/judge-stage.js';
import { type FilledStage, fitSmallStages, type SmallStages } from '../../../src/lib/rollout/small-stages.js';
import { DEFAULT_STRATEGY, gatesOf } from '../../../src/lib/rollout/strategy.js';
import { somePlan } from '../../support/rollout-plan.js';

/** Stages of the recommended strategy that have so many devices. */
function stages(sizes: readonly number[], changes: Partial<FilledStage<number>> = {}): FilledStage<number>[] {
  let device = 0;
  return sizes.map((size, at) => ({
    name: `s${at + 1}`,
    ...{ startAt: null, window: null, rate: null, isOwn: false, hasOwnGates: false },
    gates: gatesOf(DEFAULT_STRATEGY, at === sizes.length - 1),
    devices: Array.from({ length: size }, () => device++),
    ...changes,
  }));
}

function fitted(
  sizes: readonly number[],
  smallStages: SmallStages = 'merge',
  changes: Partial<FilledStage<number>> = {},
) {
  const result = fitSmallStages(stages(sizes, changes), smallStages);
  return {
    ...result,
    sizes: result.stages.map(({ devices }) => devices.length),
    types: result.stages.map(({ gates }) => gates.map(({ type }) => type)),
  };
}

function refusal(work: () => unknown): OtaError {
  try {
    work();
  } catch (error) {
    if (error instanceof OtaError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a stage that is too small for its gate', () => {
  test('becomes part of the next one, and the plan says so', () => {
    const { sizes, notes, stages: made } = fitted([10, 40, 150, 800]);
    expect(sizes).toEqual([200, 800]);
    expect(made[0]!.name).toBe('s3');
    expect(notes).toEqual([
      'stage s1 (10 devices) becomes part of stage s2: a success share of 95 % at 95 % confidence takes 59 devices',
      'stage s2 (50 devices) becomes part of stage s3: a success share of 95 % at 95 % confidence takes 59 devices',
    ]);
  });

  test('never becomes part of the last one: it waits for an approval instead', () => {
    const { sizes, types, notes } = fitted([1, 4, 15, 80]);
    expect(sizes).toEqual([20, 80]);
    expect(types[0]).toEqual(['failure', 'stuck', 'soak', 'approval']);
    expect(notes.at(-1)).toBe(
      'stage s3 (20 devices) waits for an approval: a success share of 95 % at 95 % confidence takes 59 devices',
    );
  });

  test('ends when all its devices have ended where it is the last', () => {
    const { types, notes } = fitted([8]);
    expect(types).toEqual([['failure', 'stuck']]);
    expect(notes[0]).toContain(
      'stage s1 (8 devices) is not judged by its share of successes, it ends when all have ended',
    );
  });

  test('waits for an approval where that was asked for', () => {
    const { sizes, types } = fitted([10, 40, 150, 800], 'approve');
    expect(sizes).toEqual([10, 40, 150, 800]);
    expect(types.map((one) => one.includes('approval'))).toEqual([true, true, false, false]);
  });

  test('is refused where that was asked for', () => {
    expect(refusal(() => fitted([10, 90], 'refuse'))).toMatchObject({
      code: 'USAGE',
      message:
        'stage s1 (10 devices) is too small for its gate: a success share of 95 % at 95 % confidence takes 59 devices',
    });
  });

  test('that somebody has listed is kept, and waits for an approval', () => {
    const [lab, ...rest] = stages([3, 100, 500]);
    const { stages: made } = fitSmallStages([{ ...lab!, isOwn: true }, ...rest], 'merge');
    expect(made.map(({ devices }) => devices.length)).toEqual([3, 100, 500]);
    expect(made[0]!.gates.at(-1)).toEqual({ type: 'approval' });
  });

  test('whose gates somebody has written is refused', () => {
    expect(refusal(() => fitted([10, 90], 'merge', { hasOwnGates: true, isOwn: true }))).toMatchObject({
      code: 'USAGE',
      message:
        'stage s1 (10 devices) has a gate that can never decide: success: 95 % at 95 % confidence needs 59 devices without a failure, the stage has 10',
    });
  });

  test('whatever its size, what comes out can decide and no device is lost', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(sizes, fc.constantFrom<SmallStages[]>('merge', 'approve'), (given, smallStages) => {
        const { stages: made } = fitted(given, smallStages);
        const total = given.reduce((sum, size) => sum + size, 0);
        expect(made.flatMap(({ devices }) => devices)).toEqual([...Array(total).keys()]);
        for (const { gates, devices } of made) expect(impossibleGates(gates, devices.length)).toEqual([]);
      }),
    );
  });
});

describe('the error threshold at the server', () => {
  const failure = gatesOf(DEFAULT_STRATEGY, false).filter(({ type }) => type === 'failure');

  test.each([
    [20, 15],
    [100, 9],
    [1_000, 7],
    [100_000, 6],
  ])('of %i devices', (devices, percent) => {
    expect(errorThresholdPercent(failure, devices)).toBe(percent);
  });

  test('stops nothing that the failure gate would let go on', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 3_000 }), (devices) => {
        const failed = Math.floor((errorThresholdPercent(failure, devices) * devices) / 100) + 1;
        const figures = { total: devices, waiting: 0, running: 0, stuck: 0, canceled: 0, already: 0, gone: 0 };
        const verdict = judgeStage(failure, {
          ...{ now: 0, startedAt: 0, goodSince: null, measurements: new Map(), probes: new Map(), isApproved: false },
          figures: { ...figures, failed: Math.min(failed, devices), installed: Math.max(0, devices - failed) },
        });
        expect(verdict.decision).toBe('pause');
      }),
    );
  });

  test('without a failure gate is what the success gate can bear, without any gate that of hawkBit', () => {
    const success: GateSpec = { type: 'success', atLeastPercent: 90, confidencePercent: 95, completedPercent: 90 };
    expect(errorThresholdPercent([success], 1_000)).toBe(9);
    expect(errorThresholdPercent([], 1_000)).toBe(50);
  });
});

test('a part of a stage stops only where it alone would make the gate fail', () => {
  const [stage] = somePlan({ stages: [1_000], gates: gatesOf(DEFAULT_STRATEGY, true) }).stages;
  const planned = { ...stage!, errorThresholdPercent: 7 };
  expect(portionThreshold(planned, 1_000)).toBe(7);
  // Of ten devices, two may fail: that is certain of nothing above 5 %.
  expect(portionThreshold(planned, 10)).toBe(20);
});
