import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../../src/lib/core/errors.js';
import { CODERS, DELTA_FORMATS, EFFORTS } from '../../../../src/lib/delta/formats.js';
import { makingPlan } from '../../../../src/lib/delta/plan/making-plan.js';
import { otadPlan } from '../../../../src/lib/delta/plan/otad-plan.js';

const MIB = 2 ** 20;

const sizes = fc.record({
  baseBytes: fc.integer({ min: 1, max: 300 * MIB }),
  targetBytes: fc.integer({ min: 1, max: 300 * MIB }),
});
const choices = fc.record(
  {
    coder: fc.constantFrom(...CODERS),
    effort: fc.constantFrom(...EFFORTS),
    maxMemoryBytes: fc.integer({ min: 0, max: 1024 * MIB }),
  },
  { requiredKeys: [] },
);

describe('a plan of making a delta', () => {
  test('announces no more than is allowed, or refuses with what the least would be', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...DELTA_FORMATS),
        sizes,
        choices,
        (format, images, { maxMemoryBytes = 0, ...others }) => {
          try {
            expect(makingPlan(format, images, { ...others, maxMemoryBytes }).memoryBytes).toBeLessThanOrEqual(
              maxMemoryBytes,
            );
          } catch (error) {
            if (!(error instanceof OtaError)) throw error;
            expect(error.code).toBe('LIMIT_EXCEEDED');
            const least = Number(/is made with (\d+) bytes/.exec(error.message)![1]);
            expect(least).toBeGreaterThan(maxMemoryBytes);
            expect(makingPlan(format, images, { ...others, maxMemoryBytes: least }).memoryBytes).toBe(least);
          }
        },
      ),
    );
  });

  test('spares nothing where memory does not matter, and takes no cheaper way than with less memory', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...DELTA_FORMATS),
        sizes,
        choices,
        (format, images, { maxMemoryBytes, ...others }) => {
          const { memoryBytes, economies } = makingPlan(format, images, others);
          expect(economies).toEqual([]);
          expect(makingPlan(format, images, { ...others, maxMemoryBytes: memoryBytes })).toMatchObject({
            memoryBytes,
            economies,
          });
        },
      ),
    );
  });

  test('gives up refining, the density of the index and tables of the coder, each on its own', () => {
    const images = { baseBytes: 12 * MIB, targetBytes: 12 * MIB };
    const usual = otadPlan('otad', images, {});
    expect(usual).toMatchObject({ refines: true, coding: { coder: 'mix', tableBits: 22 } });
    const bounded = (maxMemoryBytes: number) => otadPlan('otad', images, { maxMemoryBytes });
    expect(bounded(usual.memoryBytes - 1).economies).toEqual([
      'matches are sought from every 4th byte of the old image',
    ]);
    expect(bounded(162 * MIB)).toMatchObject({ refines: false, coding: { coder: 'mix', tableBits: 22 } });
    expect(otadPlan('otad', images, { coder: 'brotli', maxMemoryBytes: 200 * MIB }).coding).toMatchObject({
      coder: 'brotli',
      setting: { quality: 11, windowBits: 17 },
    });
  });
});
