import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesWildcard, wildcardParts } from '../../../src/lib/query/wildcard.js';

test('a pattern falls into the texts between its wildcards', () => {
  expect(wildcardParts('ab')).toEqual(['ab']);
  expect(wildcardParts('*ab*')).toEqual(['', 'ab', '']);
  expect(wildcardParts(String.raw`a\*b*\c`)).toEqual(['a*b', String.raw`\c`]);
  expect(wildcardParts('')).toEqual(['']);
});

test('a pattern matches what a regular expression matches', () => {
  const letters = (from: string) => fc.string({ unit: fc.constantFrom(...from), maxLength: 8 });
  fc.assert(
    fc.property(letters('abB'), letters('abA*'), (text, pattern) => {
      expect(matchesWildcard(text, pattern)).toBe(new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 'i').test(text));
    }),
    { numRuns: 2000 },
  );
});

test('many wildcards cost no more than a walk through the text', () => {
  // A backtracking matcher would not come back from this one.
  expect(matchesWildcard('a'.repeat(8000), `${'*a'.repeat(4000)}*b`)).toBe(false);
});
