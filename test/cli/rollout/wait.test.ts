import { describe, expect, test } from 'vitest';
import { parseWait, withWait } from '../../../src/cli/rollout/wait.js';

describe('--wait', () => {
  test.each([
    [['--wait'], ['--wait=forever']],
    [
      ['name', '--wait'],
      ['name', '--wait=forever'],
    ],
    [
      ['--wait', 'name'],
      ['--wait=forever', 'name'],
    ],
    [
      ['--wait', '--json'],
      ['--wait=forever', '--json'],
    ],
    [
      ['--wait', '2h', 'name'],
      ['--wait', '2h', 'name'],
    ],
    [['--wait=2h'], ['--wait=2h']],
    [
      ['--wait', 'forever'],
      ['--wait', 'forever'],
    ],
    [
      ['--', '--wait'],
      ['--', '--wait'],
    ],
    [
      ['--wait', '--', '2h'],
      ['--wait=forever', '--', '2h'],
    ],
    [[], []],
  ])('%j is read as %j', (typed, read) => {
    expect(withWait(typed)).toEqual(read);
  });

  test('without a time has no end, and without the flag nobody waits', () => {
    expect(parseWait('forever')).toBe(Number.POSITIVE_INFINITY);
    expect(parseWait('2h')).toBe(7_200_000);
    expect(parseWait(undefined)).toBeUndefined();
    expect(() => parseWait('long')).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
