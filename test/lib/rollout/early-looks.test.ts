import { expect, test } from 'vitest';
import { randomNumbers } from '../../../src/lib/core/random-numbers.js';
import type { GateSpec } from '../../../src/lib/rollout/gate-spec.js';
import { judgeStage } from '../../../src/lib/rollout/judge-stage.js';
import { observationOf } from './stage-figures.js';

const GATES: GateSpec[] = [
  { type: 'success', atLeastPercent: 95, confidencePercent: 95, completedPercent: 90 },
  { type: 'failure', atMostPercent: 5, confidencePercent: 95, minimumSample: 20, otherwise: 'abort' },
];
const DEVICES = 130;
const STAGES = 150;

/** Stages whose devices end one after another, all of them on their way; the gates are asked after each. */
function outcomesOf(failingShare: number): { advanced: number; aborted: number } {
  const chance = randomNumbers(7);
  const seen = { advanced: 0, aborted: 0 };
  for (let stage = 0; stage < STAGES; stage++) {
    let failed = 0;
    for (let ended = 1; ended <= DEVICES; ended++) {
      if (chance() < failingShare) failed += 1;
      const figures = { failed, installed: ended - failed, running: DEVICES - ended };
      const { decision } = judgeStage(GATES, observationOf(figures));
      if (decision === 'advance') seen.advanced += 1;
      else if (decision === 'abort') seen.aborted += 1;
      else if (decision === 'hold') continue;
      break;
    }
  }
  return seen;
}

test('looks after each device stop few good builds and let few bad ones through', () => {
  const good = outcomesOf(0.01);
  expect(good.aborted / STAGES).toBeLessThan(0.02);
  expect(good.advanced / STAGES).toBeGreaterThan(0.7);
  expect(outcomesOf(0.05).advanced / STAGES).toBeLessThan(0.1);
  const bad = outcomesOf(0.2);
  expect(bad.advanced).toBe(0);
  expect(bad.aborted / STAGES).toBeGreaterThan(0.95);
});
