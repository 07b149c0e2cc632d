import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { formatPlan } from '../../../src/lib/rollout/format-plan.js';
import type { GateSpec } from '../../../src/lib/rollout/gate-spec.js';
import { parsePlan, planDigest } from '../../../src/lib/rollout/parse-plan.js';
import { PLAN_MAX_BYTES, type RolloutPlan } from '../../../src/lib/rollout/plan.js';
import { somePlan } from '../../support/rollout-plan.js';

const SOAK: GateSpec = { type: 'soak', seconds: 60 };
const SUCCESS: GateSpec = { type: 'success', atLeastPercent: 95, confidencePercent: 95, completedPercent: 90 };
const NONE = { previous: null, cannotReturn: null };

function bytesOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function refusal(bytes: Uint8Array): OtaError {
  try {
    parsePlan(bytes, 'plan.json');
  } catch (error) {
    if (error instanceof OtaError) return error;
    throw error;
  }
  throw new Error('the plan was accepted');
}

test('a plan is read as it was written', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 }), (stages) => {
      const plan = somePlan({ stages });
      expect(parsePlan(bytesOf(plan), 'plan.json')).toEqual(plan);
    }),
    { numRuns: 20 },
  );
});

test('its digest is the same however the file was laid out, and another for another plan', () => {
  const plan = somePlan({ devices: 4 });
  const backwards = Object.fromEntries(Object.entries(plan).reverse());
  const read = parsePlan(Buffer.from(JSON.stringify(backwards, null, 2)), 'plan.json');
  expect(planDigest(read)).toBe(planDigest(plan));
  expect(planDigest(plan)).toMatch(/^[0-9a-f]{64}$/);
  expect(planDigest(somePlan({ devices: 4, seed: 2 }))).not.toBe(planDigest(plan));
});

describe('a plan is refused whose', () => {
  const refused: [string, RolloutPlan, string][] = [
    [
      'device is of a cohort that there is not',
      somePlan({ stages: [{ devices: [['a', 0]] }, { devices: [['b', 1]] }] }),
      'plan.json: stages[1].devices[0]: is of cohort 1, the plan has 1',
    ],
    [
      'cohort counts other devices than its stages have',
      { ...somePlan(), cohorts: [{ ...somePlan().cohorts[0]!, devices: 11 }] },
      'plan.json: cohorts[0]: says 11 devices, the stages have 10 of it',
    ],
    [
      'cohort says neither what it goes back to nor why it cannot',
      somePlan({ cohorts: [NONE] }),
      'plan.json: cohorts[0]: says neither what its devices go back to nor why they cannot',
    ],
    [
      'download is not that of its cohorts',
      somePlan({ forecast: { downloadBytes: 1, seconds: 0 } }),
      'plan.json: forecast.downloadBytes is 1, the cohorts download 10000',
    ],
    [
      'device is in two stages',
      somePlan({ stages: [{ devices: ['a', 'b'] }, { devices: ['c', 'a'] }] }),
      'plan.json: device a is in stages[0] and in stages[1]',
    ],
    [
      'device is in a stage twice',
      somePlan({ stages: [{ devices: ['a', 'a'] }] }),
      'plan.json: device a is in stages[0] twice',
    ],
    [
      'device was left out and is in a stage',
      somePlan({ stages: [{ devices: ['a'] }], leftOut: [{ reason: 'held', detail: 'held', devices: ['b', 'a'] }] }),
      'plan.json: device a is in stages[0] and in leftOut[0]',
    ],
    [
      'device was left out twice',
      somePlan({ leftOut: [{ reason: 'held', detail: 'held', devices: ['x', 'x'] }] }),
      'plan.json: device x is left out twice',
    ],
    [
      'devices are not those that were pinned',
      somePlan({ stages: [{ devices: ['a'] }], target: { where: '', exclude: null, devicesSha256: '0'.repeat(64) } }),
      `plan.json: target.devicesSha256 is ${'0'.repeat(64)}, that of the devices of its stages is ` +
        '87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7',
    ],
    [
      'stages share a name',
      somePlan({ stages: [{ name: 'x', devices: 1 }, 1, { name: 'x', devices: 1 }] }),
      'plan.json: stages[2] is called "x" as stages[0] is',
    ],
    [
      'stage has no device',
      somePlan({ stages: [1, 0] }),
      'plan.json: stages[1].devices: Too small: expected array to have >=1 items',
    ],
    [
      'stage soaks twice',
      somePlan({ gates: [SOAK, SOAK] }),
      'plan.json: stages[0] has 2 gates of type soak, at most one is possible',
    ],
    [
      'stage has a gate that its devices can never pass',
      somePlan({ stages: [50], gates: [SUCCESS] }),
      'plan.json: stages[0] has a gate that can never decide: success: 95 % at 95 % confidence needs 59 devices without ' +
        'a failure, the stage has 50',
    ],
    ['field is unknown', { ...somePlan(), force: true } as RolloutPlan, 'plan.json: Unrecognized key: "force"'],
    [
      'format is another one',
      { ...somePlan(), spec: 'ota-rollout/2' } as unknown as RolloutPlan,
      'plan.json: spec: expected "ota-rollout/1"',
    ],
  ];
  test.each(refused)('%s', (_, plan, message) => {
    expect(refusal(bytesOf(plan))).toMatchObject({ code: 'PLAN_INVALID', exitCode: 4, message });
  });
});

test('a plan that two readers could understand differently is refused', () => {
  const text = JSON.stringify(somePlan()).replace('"seed":1', '"seed":1,"seed":2');
  expect(refusal(Buffer.from(text))).toMatchObject({ code: 'JSON_INVALID' });
});

test('a plan that is too large is refused before it is read', () => {
  expect(refusal(Buffer.alloc(PLAN_MAX_BYTES + 1))).toMatchObject({ code: 'LIMIT_EXCEEDED' });
});

test('a plan is written so that each device has its line, and read as it was', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1, maxLength: 8, unit: 'binary' }), { maxLength: 5 }), (notes) => {
      const plan = somePlan({ notes, stages: [2, { devices: ['"quoted"', 'ünï'] }] });
      const text = formatPlan(plan);
      expect(parsePlan(Buffer.from(text), 'plan.json')).toEqual(plan);
      expect(text.split('\n')).toContain('        ["d0001",0],');
    }),
  );
});
