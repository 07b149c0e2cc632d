import fc from 'fast-check';
import semver from 'semver';
import { expect, test } from 'vitest';
import { compareText } from '../../../src/lib/query/text-order.js';
import { versionOrderKey } from '../../../src/lib/query/version-order.js';

const order = (left: string, right: string) => Math.sign(compareText(versionOrderKey(left)!, versionOrderKey(right)!));

test('the keys of versions are ordered as in the example of the specification', () => {
  // https://semver.org, section 11.4.4
  const ascending = [
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '1.0.0',
    '2.0.0',
    '2.1.0',
    '2.1.1',
    '10.0.0',
  ];
  expect([...ascending].reverse().sort(order)).toEqual(ascending);
});

test('the keys of versions are ordered as the semver library orders versions', () => {
  const number = fc.oneof(fc.nat({ max: 11 }), fc.nat()).map(String);
  const word = fc.string({ unit: fc.constantFrom(...'aA-01'), minLength: 1, maxLength: 3 });
  const identifier = fc.oneof(
    number,
    word.filter((text) => !/^0\d+$/.test(text)),
  );
  const version = fc
    .tuple(number, number, number, fc.array(identifier, { maxLength: 3 }), fc.constantFrom('', '+b.1'))
    .map(
      ([major, minor, patch, pre, build]) =>
        `${major}.${minor}.${patch}${pre.length > 0 ? '-' : ''}${pre.join('.')}${build}`,
    );
  expect(order('1.0.0-a.1', '1.0.0-a0')).toBe(-1);
  fc.assert(
    fc.property(version, version, (left, right) => {
      expect(order(left, right)).toBe(semver.compare(left, right));
    }),
    { numRuns: 2000 },
  );
});

test('numbers that are left out count as zero', () => {
  expect(versionOrderKey('2')).toBe(versionOrderKey('2.0.0'));
  expect(versionOrderKey('v2.1')).toBe(versionOrderKey('2.1.0'));
  expect(versionOrderKey('2.1-rc.1')).toBe(versionOrderKey('2.1.0-rc.1'));
});

test('what is no version has no key', () => {
  for (const text of [
    '',
    'nightly',
    '1.02.0',
    '1.0.0.0',
    '1.0.0-01',
    '1.0.0-',
    ' 1.0.0',
    '1.0.0\n',
    `1.0.${'9'.repeat(256)}`,
  ]) {
    expect(versionOrderKey(text)).toBeUndefined();
  }
});
