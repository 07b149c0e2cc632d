import { expect, test } from 'vitest';
import { DEFAULT_STRATEGY, gatesOf } from '../../../src/lib/rollout/strategy.js';

test('the recommended pilot is judged at 90 %, with 95 % at 95 % confidence, and soaks for a day', () => {
  expect(gatesOf(DEFAULT_STRATEGY, false)).toEqual([
    { type: 'success', atLeastPercent: 95, confidencePercent: 95, completedPercent: 90 },
    { type: 'failure', atMostPercent: 5, confidencePercent: 95, minimumSample: 20, otherwise: 'pause' },
    { type: 'stuck', afterSeconds: 86_400, atMostPercent: 5, otherwise: 'pause' },
    { type: 'soak', seconds: 86_400 },
  ]);
});

test('the last stage waits for all of its devices, and for nothing after them', () => {
  const gates = gatesOf({ ...DEFAULT_STRATEGY, isApproved: true }, true);
  expect(gates.map(({ type }) => type)).toEqual(['success', 'failure', 'stuck']);
  expect(gates[0]).toMatchObject({ completedPercent: 100 });
});
