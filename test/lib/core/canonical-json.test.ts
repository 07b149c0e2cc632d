import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/lib/core/canonical-json.js';
import type { JsonValue } from '../../../src/lib/core/strict-json.js';

const vectors = join(import.meta.dirname, '../../fixtures/rfc8785');
const lines = (name: string) => readFileSync(join(vectors, name), 'utf8').trimEnd().split('\n');

describe('canonicalJson agrees with the published RFC 8785 test data', () => {
  test.each(['arrays', 'french', 'structures', 'unicode', 'values', 'weird'])('%s.json', (name) => {
    const input: JsonValue = JSON.parse(readFileSync(join(vectors, 'input', `${name}.json`), 'utf8'));
    expect(canonicalJson(input)).toEqual(readFileSync(join(vectors, 'output', `${name}.json`)));
  });

  test.each(lines('appendix-b.txt').map((line) => line.split(' ')))('Appendix B: %s is %s', (bits, serialization) => {
    expect(canonicalJson(doubleOf(BigInt(`0x${bits}`))).toString()).toBe(serialization);
  });

  test.each([
    [1_000, 'be18b62b6f69cdab33a7e0dae0d9cfa869fda80ddc712221570f9f40a5878687'],
    [10_000, 'b9f7a8e75ef22a835685a52ccba7f7d6bdc99e34b010992cbc5864cd12be6892'],
    [100_000, '22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c7'],
  ])('the first %i lines of the ES6 number file', (count, sha256) => {
    const hash = createHash('sha256');
    for (const bits of es6NumberBits().take(count))
      hash.update(`${bits.toString(16)},${canonicalJson(doubleOf(bits))}\n`);
    expect(hash.digest('hex')).toBe(sha256);
  });
});

describe('canonicalJson', () => {
  test('is the same for the same members in any order', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), (object) => {
        const reversed = Object.fromEntries(Object.entries(object).reverse());
        expect(canonicalJson(reversed as JsonValue)).toEqual(canonicalJson(object as JsonValue));
      }),
    );
  });

  test.each([
    ['NaN', Number.NaN],
    ['an infinity', Number.POSITIVE_INFINITY],
    ['a lone surrogate', 'a\ud800'],
    ['a lone surrogate in a key', { 'a\udc00': 1 }],
  ])('refuses %s, which has no canonical form', (_, value) => {
    expect(() => canonicalJson({ value })).toThrow();
  });
});

function doubleOf(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

/** The published sequence: chosen numbers, consecutive ones, then eight-byte pieces of a chain of SHA-256 blocks. */
function* es6NumberBits(): Generator<bigint> {
  yield* lines('es6-number-bits.txt').map((hex) => BigInt(`0x${hex}`));
  for (let offset = 0n; offset < 2000n; offset++) yield 0x0010000000000000n + offset;
  for (let block = Buffer.alloc(32); ; ) {
    block = createHash('sha256').update(block).digest();
    for (let at = 0; at < 32; at += 8) {
      const bits = block.readBigUInt64LE(at);
      const double = doubleOf(bits);
      if (Number.isFinite(double) && double !== 0) yield bits;
    }
  }
}
