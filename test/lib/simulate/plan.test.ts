import { describe, expect, test } from 'vitest';
import { cutsName, everyBoots, parseCuts } from '../../../src/lib/simulate/plan.js';

describe('parseCuts', () => {
  test.each(['single', 'pairs', 'random:1', 'random:64'])('%s keeps its name', (text) => {
    expect(cutsName(parseCuts(text))).toBe(text);
  });

  test.each(['', 'random', 'random:', 'random:0', 'random:65', 'random:2.5', 'pair', 'Single'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseCuts(text)).toThrow(expect.objectContaining({ code: 'SIMULATION_INVALID' }));
    },
  );
});

test('without a wish the firmware is good, never boots while it is tried, or hangs', () => {
  expect(everyBoots(3)).toEqual(['good', 'bad:3', 'hang']);
});
