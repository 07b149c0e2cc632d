import { describe, expect, test } from 'vitest';
import { bootsName, cutsName, everyBoots, parseBoots, parseCuts } from '../../../src/lib/simulate/plan.js';

describe('what is typed', () => {
  test.each(['good', 'hang', 'bad:1', 'bad:255'])('--boots %s keeps its name', (text) => {
    expect(bootsName(parseBoots(text))).toBe(text);
  });

  test.each(['single', 'pairs', 'random:1', 'random:64'])('--cuts %s keeps its name', (text) => {
    expect(cutsName(parseCuts(text))).toBe(text);
  });

  test.each(['', 'bad', 'bad:', 'bad:0', 'bad:256', 'bad:03', 'bad:1e2', 'Good', 'bad:-1'])(
    '--boots "%s" is refused',
    (text) => {
      expect(() => parseBoots(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );

  test.each(['', 'random', 'random:0', 'random:65', 'pair', 'random:2.5'])('--cuts "%s" is refused', (text) => {
    expect(() => parseCuts(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

test('without a wish the firmware is good, never boots while it is tried, or hangs', () => {
  expect(everyBoots(3).map(bootsName)).toEqual(['good', 'bad:3', 'hang']);
});
