import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isCertainlyAtLeast,
  lowerBound,
  moreSuccessesNeeded,
  successesNeeded,
  upperBound,
} from '../../../src/lib/rollout/statistics.js';

/** P(X ≥ k), term by term from the definition: what the bounds are checked by. */
function tailByDefinition(k: number, n: number, p: number): number {
  let sum = 0;
  for (let j = k; j <= n; j++) {
    let term = p ** j * (1 - p) ** (n - j);
    for (let i = 1; i <= Math.min(j, n - j); i++) term *= (n - i + 1) / i;
    sum += term;
  }
  return sum;
}

const sample = fc.integer({ min: 1, max: 150 }).chain((n) => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n)));
const confidence = fc.integer({ min: 5_000, max: 9_999 }).map((hundredths) => hundredths / 100);

describe('bounds', () => {
  // Newcombe: Two-sided confidence intervals for the single proportion (1998), table I, method 5; 97.5 % on each side.
  test.each([
    [81, 263, 0.2527, 0.3676],
    [15, 148, 0.0578, 0.1617],
    [0, 20, 0, 0.1684],
    [1, 29, 0.0009, 0.1776],
  ])('of %i in %i are those of the published table', (successes, n, lower, upper) => {
    expect(lowerBound(successes, n, 97.5)).toBeCloseTo(lower, 4);
    expect(upperBound(successes, n, 97.5)).toBeCloseTo(upper, 4);
  });

  test('of 59 in 59 prove 95 % at 95 % confidence, those of 58 in 58 do not', () => {
    expect(lowerBound(59, 59, 95)).toBeCloseTo(0.05 ** (1 / 59), 12);
    expect(lowerBound(59, 59, 95)).toBeGreaterThan(0.95);
    expect(lowerBound(58, 58, 95)).toBeLessThan(0.95);
  });

  test.each([100, 1_000, 1_000_000])('of nothing in %i follow the rule of three', (n) => {
    expect(upperBound(0, n, 95) * n).toBeGreaterThan(2.93);
    expect(upperBound(0, n, 95) * n).toBeLessThan(3);
  });

  test('of nothing observed say nothing', () => {
    expect([lowerBound(0, 0, 95), upperBound(0, 0, 95)]).toEqual([0, 1]);
  });

  test('leave exactly the rest of the confidence to chance', () => {
    fc.assert(
      fc.property(sample, confidence, ([k, n], confidencePercent) => {
        fc.pre(k > 0);
        const tail = tailByDefinition(k, n, lowerBound(k, n, confidencePercent));
        expect(tail / (1 - confidencePercent / 100)).toBeCloseTo(1, 8);
      }),
    );
  });

  test('mirror each other, enclose what was seen, and tighten with confidence given up', () => {
    fc.assert(
      fc.property(sample, confidence, ([k, n], confidencePercent) => {
        const lower = lowerBound(k, n, confidencePercent);
        expect(upperBound(n - k, n, confidencePercent)).toBeCloseTo(1 - lower, 12);
        expect(lower).toBeLessThanOrEqual(k / n);
        expect(upperBound(k, n, confidencePercent)).toBeGreaterThanOrEqual(k / n);
        expect(lowerBound(k, n, 50)).toBeGreaterThanOrEqual(lower);
      }),
    );
  });

  test('of a fleet of a billion are found as well', () => {
    const n = 1_000_000_000;
    const share = 0.95;
    const byNormal = share - 1.6448536269514722 * Math.sqrt((share * (1 - share)) / n);
    expect(lowerBound(share * n, n, 95)).toBeCloseTo(byNormal, 8);
    expect(upperBound(1, n, 95) * n).toBeCloseTo(4.743864, 5); // Poisson: half the chi-square quantile
    expect(lowerBound(1, n, 95) * n).toBeCloseTo(-Math.log(0.95), 8);
  });
});

describe('what it takes', () => {
  test.each([
    [90, 90, 22],
    [95, 90, 45],
    [90, 95, 29],
    [95, 95, 59],
    [99, 95, 299],
    [99.9, 95, 2_995],
    [95, 99, 90],
    [99, 99, 459],
  ])('to be certain of %d %% at %d %% is %i successes without a failure', (atLeast, confidencePercent, needed) => {
    expect(successesNeeded(atLeast, confidencePercent)).toBe(needed);
  });

  test('to be certain of all is more than any number', () => {
    expect(successesNeeded(100, 95)).toBe(Number.POSITIVE_INFINITY);
  });

  test('for a share of nothing is one device all the same', () => {
    expect(successesNeeded(0, 95)).toBe(1);
  });

  test('is the smallest number that is enough, and enough is what the bound says', () => {
    fc.assert(
      fc.property(sample, fc.integer({ min: 1, max: 99 }), confidence, ([k, n], atLeast, confidencePercent) => {
        const more = moreSuccessesNeeded(k, n, atLeast, confidencePercent);
        expect(isCertainlyAtLeast(k + more, n + more, atLeast, confidencePercent)).toBe(true);
        if (more > 0) expect(isCertainlyAtLeast(k + more - 1, n + more - 1, atLeast, confidencePercent)).toBe(false);
        const bound = lowerBound(k, n, confidencePercent) * 100;
        fc.pre(Math.abs(bound - atLeast) > 1e-9);
        expect(isCertainlyAtLeast(k, n, atLeast, confidencePercent)).toBe(bound > atLeast);
      }),
    );
  });
});
