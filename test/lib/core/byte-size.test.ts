import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatByteLimit, formatByteSize, parseByteSize } from '../../../src/lib/core/byte-size.js';

describe('parseByteSize', () => {
  test.each([
    ['0', 0],
    ['4096', 4096],
    ['4096 B', 4096],
    ['300KB', 300_000],
    ['300kb', 300_000],
    ['4MiB', 4 * 1024 * 1024],
    ['1.5 GiB', 1.5 * 1024 ** 3],
    ['2GB', 2_000_000_000],
  ])('reads %s', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });

  test.each(['', '4M', 'MiB', '-1', '1e3', '0x10', '1,5MiB', '0.3B', '9007199254740992', '99999999GiB', '1 2'])(
    'refuses %j',
    (text) => {
      expect(() => parseByteSize(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );
});

describe('formatByteSize', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [33_000_000, '31.5 MiB'],
    [1024 * 1024 - 1, '1 MiB'],
    [8 * 1024 ** 3 - 1, '8 GiB'],
  ])('writes %i as %s', (bytes, text) => {
    expect(formatByteSize(bytes)).toBe(text);
  });

  test('stays within half a percent of the size', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        const [value, unit] = formatByteSize(bytes).split(' ');
        const factor = 1024 ** ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'].indexOf(unit!);
        expect(Math.abs(Number(value) * factor - bytes)).toBeLessThanOrEqual(bytes * 0.005 + 0.5);
      }),
    );
  });
});

test.each(['300 KB', '1 KB', '1.5 MB', '2 GB', '300 KiB', '4 MiB', '512 B', '0 B'])(
  'a limit of %s is told as it was set',
  (text) => {
    expect(formatByteLimit(parseByteSize(text))).toBe(text);
  },
);
