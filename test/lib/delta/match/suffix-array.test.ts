import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { suffixArray } from '../../../../src/lib/delta/match/suffix-array.js';

function sortedNaively(text: Uint8Array): number[] {
  const suffixes = Array.from(text.keys());
  return suffixes.sort((a, b) => Buffer.compare(text.subarray(a), text.subarray(b)));
}

describe('suffixArray', () => {
  test('sorts like a plain sort, whatever the text', () => {
    const text = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ max: 1, maxLength: 200 }),
      fc.tuple(fc.uint8Array({ max: 3, minLength: 1, maxLength: 12 }), fc.nat(20)).map(([period, times]) => {
        return Uint8Array.from(Array.from({ length: times }, () => [...period]).flat());
      }),
    );
    fc.assert(
      fc.property(text, (bytes) => {
        expect(Array.from(suffixArray(bytes))).toEqual(sortedNaively(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['no byte', []],
    ['one byte', [7]],
    ['two equal bytes', [0, 0]],
    ['rising bytes', [0, 1, 2, 255]],
    ['falling bytes', [255, 2, 1, 0]],
  ])('sorts %s', (_, bytes) => {
    const text = Uint8Array.from(bytes);
    expect(Array.from(suffixArray(text))).toEqual(sortedNaively(text));
  });

  test('takes linear time for two million zeros and for a long Fibonacci word', () => {
    const zeros = suffixArray(new Uint8Array(2_000_000));
    expect(zeros.every((position, i) => position === zeros.length - 1 - i)).toBe(true);
    let [previous, word] = ['b', 'a'];
    while (word.length < 1_000_000) [previous, word] = [word, word + previous];
    const order = suffixArray(Buffer.from(word));
    expect(new Set(order).size).toBe(word.length);
    const text = Buffer.from(word);
    for (let i = 1; i < order.length; i += 1009) {
      expect(text.compare(text, order[i]!, undefined, order[i - 1]!)).toBe(-1);
    }
  });
});
