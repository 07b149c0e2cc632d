import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LOGISTIC_ZERO, SQUASH, STRETCH } from '../../../../../src/lib/delta/coders/mix/logistic.js';
import { RangeDecoder, RangeEncoder } from '../../../../../src/lib/delta/coders/mix/range-coder.js';

const decision = fc.tuple(fc.integer({ min: 1, max: 4095 }), fc.integer({ min: 0, max: 1 }));

function encode(decisions: readonly [probability: number, bit: number][]): Uint8Array {
  const encoder = new RangeEncoder();
  for (const [probability, bit] of decisions) encoder.code(probability, bit);
  return encoder.finish();
}

describe('range coder', () => {
  test('gives back every decision, also when its input arrives byte by byte', () => {
    fc.assert(
      fc.property(fc.array(decision, { maxLength: 2000 }), fc.boolean(), (decisions, inPieces) => {
        const packed = encode(decisions);
        const decoder = new RangeDecoder();
        if (inPieces) for (const byte of packed) decoder.give(Uint8Array.of(byte));
        else decoder.give(packed);
        decoder.start();
        expect(decisions.map(([probability]) => decoder.code(probability))).toEqual(decisions.map(([, bit]) => bit));
        expect(decoder.missing).toBeLessThanOrEqual(4);
        expect(decoder.available).toBe(0);
      }),
    );
  });

  test('carries into bytes that were put aside', () => {
    // the improbable half again and again pushes the low end up to a row of 0xff, then over it
    const decisions = Array.from({ length: 4000 }, (_, i): [number, number] => [i % 97 === 0 ? 2048 : 1, 0]);
    const decoder = new RangeDecoder();
    decoder.give(encode(decisions));
    decoder.start();
    expect(decisions.every(([probability]) => decoder.code(probability) === 0)).toBe(true);
  });

  test('takes hardly more than the information that there is', () => {
    const decisions = Array.from({ length: 80_000 }, (_, i): [number, number] => [41, i % 100 === 0 ? 1 : 0]);
    const bits = decisions.reduce((sum, [p, bit]) => sum - Math.log2((bit === 1 ? p : 4096 - p) / 4096), 0);
    expect(encode(decisions).length).toBeLessThan(bits / 8 + 4);
  });

  test('makes nothing of no decisions', () => {
    expect(encode([])).toHaveLength(0);
  });
});

describe('the logistic tables', () => {
  test('are inverse to each other as far as twelve bits go', () => {
    for (let probability = 1; probability < 4096; probability++) {
      const x = STRETCH[probability]!;
      expect(SQUASH[x + LOGISTIC_ZERO]).toBeGreaterThanOrEqual(probability);
      if (x > -2047) expect(SQUASH[x - 1 + LOGISTIC_ZERO]).toBeLessThan(probability);
    }
  });

  test('stay within a probability of 4096ths of the logistic function', () => {
    for (let x = -2047; x <= 2047; x++) {
      const exact = 4096 / (1 + Math.exp(-x / 256));
      expect(Math.abs(SQUASH[x + LOGISTIC_ZERO]! - exact)).toBeLessThan(30);
    }
  });
});
