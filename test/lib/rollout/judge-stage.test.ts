import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GateOf, GateSpec } from '../../../src/lib/rollout/gate-spec.js';
import { isGood, judgeStage } from '../../../src/lib/rollout/judge-stage.js';
import type { Decision, Measurement, Observation, StageFigures } from '../../../src/lib/rollout/observation.js';
import { figuresOf, observationOf } from './stage-figures.js';

const SUCCESS: GateOf<'success'> = { type: 'success', atLeastPercent: 95, confidencePercent: 95, completedPercent: 90 };
const FAILURE: GateOf<'failure'> = {
  type: 'failure',
  atMostPercent: 5,
  confidencePercent: 95,
  minimumSample: 20,
  otherwise: 'abort',
};
const STUCK: GateOf<'stuck'> = { type: 'stuck', afterSeconds: 86_400, atMostPercent: 5, otherwise: 'pause' };
const SOAK: GateOf<'soak'> = { type: 'soak', seconds: 86_400 };
const HEALTH: GateOf<'health'> = {
  type: 'health',
  rule: 'errorRate < 1%',
  windowSeconds: 900,
  minimumSample: 50,
  otherwise: 'pause',
};
const PROBE: GateOf<'probe'> = {
  type: 'probe',
  url: 'https://monitor.example.com/',
  timeoutSeconds: 5,
  everySeconds: 60,
  otherwise: 'abort',
};
const APPROVAL: GateOf<'approval'> = { type: 'approval' };
const EVERY_GATE: GateSpec[] = [SUCCESS, FAILURE, STUCK, SOAK, HEALTH, PROBE, APPROVAL];

/** What one gate says. */
function verdictOf(gate: GateSpec, figures: Partial<StageFigures>, given: Partial<Observation> = {}) {
  const { gates } = judgeStage([gate], observationOf(figures, given));
  return gates[0]!;
}

function decisionOf(gate: GateSpec, figures: Partial<StageFigures>, given: Partial<Observation> = {}): Decision {
  return verdictOf(gate, figures, given).decision;
}

describe('success', () => {
  test('advances when the bound is high enough and enough devices have ended', () => {
    expect(verdictOf(SUCCESS, { total: 65, installed: 59 })).toEqual({
      gate: 0,
      type: 'success',
      decision: 'advance',
      reason: '59 of 59 installed: at least 95.04 % at 95 % confidence, 95 % needed',
    });
  });

  test('holds on a bare ratio that is high enough, and says what would do', () => {
    expect(verdictOf(SUCCESS, { total: 200, installed: 97, failed: 3 })).toMatchObject({
      decision: 'hold',
      reason:
        '97 of 100 installed: at least 92.4 % at 95 % confidence, 95 % needed; 53 more without a failure would do',
    });
  });

  test('holds while too few have ended, however well they did', () => {
    expect(verdictOf(SUCCESS, { total: 1_000, installed: 500 })).toMatchObject({
      decision: 'hold',
      reason: '500 of 500 installed: at least 99.4 % at 95 % confidence, 95 % needed; 50.0 % ended, 90 % needed',
    });
  });

  test('counts stuck devices as failed, and takes none of those out that are canceled', () => {
    expect(decisionOf(SUCCESS, { installed: 59, stuck: 1 })).toBe('pause');
    expect(decisionOf(SUCCESS, { installed: 59, canceled: 5 })).toBe('advance');
    // Canceled ones have ended: 59 of 100 alone would not be 90 %.
    expect(decisionOf(SUCCESS, { total: 100, installed: 59, canceled: 31 })).toBe('advance');
    expect(decisionOf(SUCCESS, { total: 100, installed: 59, canceled: 30 })).toBe('hold');
  });

  test('leaves devices out that had it already, or that are gone', () => {
    expect(decisionOf(SUCCESS, { total: 100, installed: 59, already: 20, gone: 15 })).toBe('advance');
    expect(decisionOf(SUCCESS, { total: 100, installed: 9, already: 91 })).toBe('pause');
  });

  test('pauses when all have ended and waiting cannot help any more', () => {
    expect(verdictOf(SUCCESS, { installed: 97, failed: 3 })).toMatchObject({
      decision: 'pause',
      reason:
        '97 of 100 installed: at least 92.4 % at 95 % confidence, 95 % needed; ' +
        '53 more without a failure would be needed, and no device is left',
    });
  });

  test('pauses before further devices are given what cannot pass any more, but lets those on their way end', () => {
    expect(decisionOf(SUCCESS, { installed: 40, failed: 4, running: 10, waiting: 46 })).toBe('pause');
    expect(decisionOf(SUCCESS, { installed: 40, failed: 4, running: 56 })).toBe('hold');
    // 97 of 100 need 53 more without a failure: as long as there are so many, it can still pass.
    expect(decisionOf(SUCCESS, { installed: 97, failed: 3, waiting: 53 })).toBe('hold');
    expect(decisionOf(SUCCESS, { installed: 97, failed: 3, waiting: 52 })).toBe('pause');
    expect(decisionOf(SUCCESS, { installed: 150, failed: 3 })).toBe('advance');
  });

  test('never advances on a stage that ended at once since its devices had it already', () => {
    expect(verdictOf(SUCCESS, { already: 500 })).toMatchObject({
      decision: 'pause',
      reason:
        'none of 500 devices has succeeded or failed (500 had it already), which proves nothing; no device is left to wait for',
    });
    expect(decisionOf(SUCCESS, { total: 500, already: 400 })).toBe('hold');
  });
});

describe('failure', () => {
  test('fails once it is certain, and not before', () => {
    expect(decisionOf(FAILURE, { total: 1_000, installed: 96, failed: 4 })).toBe('advance');
    expect(decisionOf(FAILURE, { total: 1_000, installed: 91, failed: 9 })).toBe('advance');
    expect(verdictOf(FAILURE, { total: 1_000, installed: 90, failed: 8, stuck: 2 })).toMatchObject({
      decision: 'abort',
      reason: '10 of 100 failed (2 of them stuck): at least 5.5 % at 95 % confidence, at most 5 % allowed',
    });
  });

  test('does not judge fewer than its sample, and never passes on them', () => {
    expect(verdictOf(FAILURE, { total: 100, failed: 19 })).toMatchObject({
      decision: 'hold',
      reason: '19 devices succeeded or failed, 20 needed to judge failures',
    });
    expect(decisionOf(FAILURE, { total: 100, failed: 20 })).toBe('abort');
    expect(decisionOf(FAILURE, { installed: 10 })).toBe('pause');
  });

  test('allows none where none is allowed', () => {
    const none = { ...FAILURE, atMostPercent: 0 };
    expect(decisionOf(none, { total: 100, installed: 50 })).toBe('advance');
    expect(decisionOf(none, { total: 100, installed: 50, failed: 1 })).toBe('abort');
  });
});

describe('stuck', () => {
  test('fails when more of the stage are silent than it allows', () => {
    expect(decisionOf(STUCK, { total: 100, installed: 20, stuck: 5 })).toBe('advance');
    expect(verdictOf(STUCK, { total: 100, installed: 20, stuck: 6 })).toMatchObject({
      decision: 'pause',
      reason: '6 of 100 devices silent for 24 h: 6.0 %, at most 5 % allowed',
    });
  });

  test('holds as long as nothing can be said', () => {
    expect(decisionOf(STUCK, { total: 100, running: 100 })).toBe('hold');
  });
});

describe('soak', () => {
  const { now } = observationOf({});
  const day = 86_400_000;

  test('begins when the others hold, and ends when it is over', () => {
    expect(decisionOf(SOAK, { installed: 9 }, { goodSince: null })).toBe('hold');
    expect(verdictOf(SOAK, { installed: 9 }, { goodSince: now - day + 5_400_000 })).toMatchObject({
      decision: 'hold',
      reason: 'the other gates have to hold for 24 h, 1 h 30 min left',
    });
    expect(decisionOf(SOAK, { installed: 9 }, { goodSince: now - day + 1 })).toBe('hold');
    expect(decisionOf(SOAK, { installed: 9 }, { goodSince: now - day })).toBe('advance');
  });

  test('is never shortened by a clock that went back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 * day }), fc.integer({ min: 0, max: 3 * day }), (later, back) => {
        const at = (ms: number) => decisionOf(SOAK, { installed: 9 }, { now: now + ms, goodSince: now });
        if (at(later) === 'hold') expect(at(later - back)).toBe('hold');
      }),
    );
    expect(decisionOf(SOAK, { installed: 9 }, { goodSince: now + 5 * day })).toBe('hold');
  });
});

describe('health', () => {
  const judged = (gate: Partial<GateOf<'health'>>, measured?: Measurement) =>
    verdictOf(
      { ...HEALTH, ...gate },
      { installed: 100 },
      { measurements: new Map(measured === undefined ? [] : [[0, measured]]) },
    );

  test('holds without a measurement, on too small a sample, and on what is no number', () => {
    expect(judged({})).toMatchObject({ decision: 'hold', reason: 'errorRate < 1%: nothing was measured' });
    expect(judged({}, { value: 0, sample: 0 }).decision).toBe('hold');
    expect(judged({}, { value: 0, sample: 49 })).toMatchObject({
      decision: 'hold',
      reason: 'errorRate < 1%: a sample of 49, 50 needed',
    });
    expect(judged({}, { value: Number.NaN, sample: 100 }).decision).toBe('hold');
  });

  test('advances on the right side, and fails on the wrong one as soon as that is no accident', () => {
    expect(judged({}, { value: 0.4, sample: 1_000 }).decision).toBe('advance');
    expect(judged({}, { value: 2, sample: 100 }).decision).toBe('hold');
    expect(judged({}, { value: 2, sample: 10_000 })).toMatchObject({
      decision: 'pause',
      reason: 'errorRate < 1%: 2.0 % in a sample of 10,000',
    });
    expect(judged({ rule: 'offline < 5%' }, { value: 100, sample: 50 }).decision).toBe('pause');
  });

  test('compares a metric with its limit', () => {
    const rule = 'p95(latencyMs) < 250';
    expect(judged({ rule }, { value: 249.9, sample: 50 }).decision).toBe('advance');
    expect(judged({ rule, otherwise: 'abort' }, { value: 250, sample: 50 })).toMatchObject({
      decision: 'abort',
      reason: 'p95(latencyMs) < 250: 250 in a sample of 50',
    });
  });

  test('compares with the control group, and holds where there is none', () => {
    const rule = 'p95(latencyMs) < 120% of control';
    expect(judged({ rule }, { value: 119, sample: 50, control: 100 }).decision).toBe('advance');
    expect(judged({ rule }, { value: 121, sample: 50, control: 100 })).toMatchObject({
      decision: 'pause',
      reason: 'p95(latencyMs) < 120% of control: 121 against 100 in the control group',
    });
    expect(judged({ rule }, { value: 119, sample: 50 }).decision).toBe('hold');
    expect(judged({ rule: 'errorRate < 120% of control' }, { value: 0, sample: 50, control: 0 }).decision).toBe(
      'advance',
    );
    expect(judged({ rule }, { value: -80, sample: 50, control: -70 }).decision).toBe('hold');
  });
});

describe('probes and commands', () => {
  const said = (outcome: 'good' | 'bad' | 'holds' | 'failed') =>
    verdictOf(PROBE, { installed: 9 }, { probes: new Map([[0, { outcome, said: 'the answer' }]]) });

  test('advance and fail as they were answered, and hold until then', () => {
    expect(verdictOf(PROBE, { installed: 9 })).toMatchObject({
      decision: 'hold',
      reason: 'the probe was not asked yet',
    });
    expect(said('good')).toMatchObject({ decision: 'advance', reason: 'the answer' });
    expect(said('bad').decision).toBe('abort');
    expect(said('holds').decision).toBe('hold');
    expect(said('failed').decision).toBe('hold');
  });

  test('are told in a length that a journal keeps', () => {
    const probes = new Map([[0, { outcome: 'bad' as const, said: '😀'.repeat(50_000) }]]);
    const verdict = judgeStage([PROBE, PROBE, PROBE], observationOf({ installed: 9 }, { probes }));
    expect(verdict.reason.length).toBeLessThanOrEqual(1_000);
    expect(verdict.reason.isWellFormed()).toBe(true);
    expect(verdict.gates[0]!.reason.isWellFormed()).toBe(true);
  });
});

describe('a stage', () => {
  test('does what its strictest gate says, and tells why', () => {
    const verdict = judgeStage(
      [SUCCESS, FAILURE, APPROVAL],
      observationOf({ total: 1_000, installed: 50, failed: 50 }),
    );
    expect(verdict.gates.map(({ decision }) => decision)).toEqual(['pause', 'abort', 'hold']);
    expect(verdict.decision).toBe('abort');
    expect(verdict.reason).toBe(`failure: ${verdict.gates[1]!.reason}`);
  });

  test('without a success gate has to have ended, all of it', () => {
    expect(judgeStage([], observationOf({ total: 10, installed: 9 }))).toMatchObject({
      decision: 'hold',
      gates: [{ gate: 0, type: 'completed' }],
    });
    expect(judgeStage([], observationOf({ installed: 9, failed: 1 })).decision).toBe('advance');
    expect(judgeStage([], observationOf({ already: 10 })).decision).toBe('pause');
    expect(judgeStage([APPROVAL], observationOf({ already: 10 }, { isApproved: true })).decision).toBe('advance');
    expect(judgeStage([APPROVAL], observationOf({ installed: 10 })).decision).toBe('hold');
  });

  test('is good when everything holds but time and a person', () => {
    const gates = [SUCCESS, SOAK, APPROVAL];
    expect(isGood(judgeStage(gates, observationOf({ installed: 59 })))).toBe(true);
    expect(isGood(judgeStage(gates, observationOf({ total: 100, installed: 59 })))).toBe(false);
  });
});

describe('whatever the figures', () => {
  const counts = fc.record({
    waiting: fc.nat(40),
    running: fc.nat(40),
    stuck: fc.nat(10),
    installed: fc.nat(400),
    failed: fc.nat(10),
    canceled: fc.nat(10),
    already: fc.nat(40),
    gone: fc.nat(10),
  });
  const figures = counts.map(figuresOf);
  const gates = fc.subarray(EVERY_GATE);

  test('no stage advances without a device that installed it, unless somebody approved', () => {
    fc.assert(
      fc.property(counts, gates, (given, chosen) => {
        const none = figuresOf({ ...given, installed: 0 });
        const allSaid: Partial<Observation> = {
          goodSince: 0,
          measurements: new Map(chosen.map((_, place) => [place, { value: 0, sample: 1_000 }])),
          probes: new Map(chosen.map((_, place) => [place, { outcome: 'good' as const, said: '' }])),
        };
        const isEvidence = none.failed + none.stuck > 0 && !chosen.some(({ type }) => type === 'success');
        fc.pre(!isEvidence);
        expect(judgeStage(chosen, observationOf(none, allSaid)).decision).not.toBe('advance');
      }),
    );
  });

  test('a device that failed instead of installing never makes a stage less strict', () => {
    fc.assert(
      fc.property(
        figures,
        fc.constantFrom(SUCCESS, FAILURE),
        fc.constantFrom('failed', 'stuck'),
        (given, gate, bad) => {
          fc.pre(given.installed > 0);
          const worse = { ...given, installed: given.installed - 1, [bad]: given[bad as 'failed'] + 1 };
          const rank = (of: StageFigures) => ['advance', 'hold', 'pause', 'abort'].indexOf(decisionOf(gate, of));
          expect(rank(worse)).toBeGreaterThanOrEqual(rank(given));
        },
      ),
    );
  });

  test('a stage whose devices have all ended holds for nothing that devices could change', () => {
    fc.assert(
      fc.property(counts, fc.subarray([SUCCESS, FAILURE]), (given, chosen) => {
        const ended = figuresOf({ ...given, waiting: 0, running: 0 });
        expect(judgeStage(chosen, observationOf(ended)).decision).not.toBe('hold');
      }),
    );
  });
});
