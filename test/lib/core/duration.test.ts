import { expect, test } from 'vitest';
import { parseDuration } from '../../../src/lib/core/duration.js';

test.each([
  ['250ms', 250],
  ['5s', 5000],
  [' 1.5 h ', 5_400_000],
  ['2min', 120_000],
  ['2m', 120_000],
  ['28d', 2_419_200_000],
  ['0s', 0],
])('reads %s', (text, durationMs) => {
  expect(parseDuration(text)).toBe(durationMs);
});

test.each(['5', '-5s', '5 weeks', '1e3s', 's', '', '5s5', '99999999999999d'])('refuses %j', (text) => {
  expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'USAGE', exitCode: 2 }));
});
