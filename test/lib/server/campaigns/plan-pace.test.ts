import { expect, test } from 'vitest';
import { PlanPace } from '../../../../src/lib/server/campaigns/plan-pace.js';

const MIB = 1024 ** 2;

test('a tenant hands over small plans at once, and large ones one after the other', () => {
  const pace = new PlanPace();
  for (let count = 0; count < 100; count++) pace.take(1, 20_000, 0);
  pace.take(1, 64 * MIB, 0);
  expect(() => pace.take(1, 1, 0)).toThrow(expect.objectContaining({ status: 429, code: 'RATE_LIMITED' }));
  pace.take(2, 64 * MIB, 0);
  expect(() => pace.take(1, 1, 60_000)).toThrow('too many plans');
  pace.take(1, 64 * MIB, 600_000);
  // What was refused has cost nothing, and a clock that is set back gives nothing away.
  expect(() => pace.take(1, 1, 0)).toThrow('too many plans');
  pace.take(1, 1, 1_200_000);
});

test('plans of a tenant that arrive together have the room of the largest one', () => {
  const pace = new PlanPace();
  const small = pace.reserve(1, 20_000);
  expect(() => pace.reserve(1, undefined)).toThrow('too many plans');
  expect(() => pace.reserve(1, 64 * MIB)).toThrow('too many plans');
  pace.reserve(2, undefined)[Symbol.dispose]();
  small[Symbol.dispose]();
  const large = pace.reserve(1, 999 * MIB);
  expect(() => pace.reserve(1, 1)).toThrow('too many plans');
  large[Symbol.dispose]();
  pace.reserve(1, 1);
});
