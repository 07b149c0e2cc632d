import { brotliCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  chooseTableBits,
  MixModel,
  mixMemoryBytes,
  mostCompressedBytes,
} from '../../../../../src/lib/delta/coders/mix/mix-model.js';
import { RangeDecoder, RangeEncoder } from '../../../../../src/lib/delta/coders/mix/range-coder.js';
import { imageInMemory } from '../../../../../src/lib/delta/image/image-bytes.js';
import { findCovers } from '../../../../../src/lib/delta/match/find-covers.js';
import { realFirmware } from '../../../../support/firmware.js';

const TABLE_BITS = 16;
const COLUMNS = 3;

function decoderOf(packed: Uint8Array): RangeDecoder {
  const decoder = new RangeDecoder();
  decoder.give(packed);
  decoder.start();
  return decoder;
}

/** One thing after another that a model codes, and what comes back when it is decoded. */
type Step =
  | { kind: 'differences'; predicted: Uint8Array; actual: Uint8Array; position: number }
  | { kind: 'literals'; actual: Uint8Array; position: number }
  | { kind: 'number'; column: number; value: number; beside: number };

function encode(steps: readonly Step[]): Uint8Array {
  const encoder = new RangeEncoder();
  const model = new MixModel(encoder, TABLE_BITS, COLUMNS);
  for (const step of steps) {
    if (step.kind === 'number') model.numbers.unsigned(step.column, step.value, step.beside);
    else if (step.kind === 'literals') {
      model.literals.code(step.actual.slice(), 0, step.actual.length, step.position);
    } else {
      model.differences.code(
        step.predicted.slice(),
        step.actual,
        0,
        step.actual.length,
        step.position,
        step.predicted,
        0,
      );
    }
  }
  return encoder.finish();
}

function decode(
  packed: Uint8Array,
  steps: readonly Step[],
): { results: (Uint8Array | number)[]; decoder: RangeDecoder } {
  const decoder = decoderOf(packed);
  const model = new MixModel(decoder, TABLE_BITS, COLUMNS);
  const results = steps.map((step) => {
    if (step.kind === 'number') return model.numbers.unsigned(step.column, 0, step.beside);
    const bytes = step.kind === 'literals' ? new Uint8Array(step.actual.length) : step.predicted.slice();
    if (step.kind === 'literals') model.literals.code(bytes, 0, bytes.length, step.position);
    else model.differences.code(bytes, bytes, 0, bytes.length, step.position, step.predicted, 0);
    return bytes;
  });
  return { results, decoder };
}

const position = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const pair = fc
  .tuple(fc.uint8Array({ maxLength: 3000 }), fc.array(fc.tuple(fc.nat(2999), fc.nat(255)), { maxLength: 20 }))
  .map(([predicted, changes]) => {
    const actual = predicted.slice();
    for (const [at, value] of changes) if (at < actual.length) actual[at] = value;
    return { predicted, actual };
  });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(pair, position).map(([images, at]) => ({ kind: 'differences', ...images, position: at }) as const),
  fc.record({
    kind: fc.constant('literals' as const),
    actual: fc.oneof(fc.uint8Array({ maxLength: 500 }), fc.constant(Buffer.alloc(400, 'again and '))),
    position,
  }),
  fc.record({
    kind: fc.constant('number' as const),
    column: fc.nat(COLUMNS - 1),
    value: fc.oneof(fc.nat(300), fc.maxSafeNat()),
    beside: fc.nat(2 ** 31 - 1),
  }),
);

describe('the mixing coder', () => {
  test('gives back whatever was coded, in the same order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const { results, decoder } = decode(encode(steps), steps);
        expect(results).toEqual(steps.map((one) => (one.kind === 'number' ? one.value : Uint8Array.from(one.actual))));
        expect(decoder.available).toBe(0);
        expect(decoder.missing).toBeLessThanOrEqual(4);
      }),
      { numRuns: 150 },
    );
  });

  test('never takes more than it says for what it codes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.uint8Array({ minLength: 2000, maxLength: 2000 }), (a, b) => {
        const actual = b.subarray(0, a.length);
        const steps: Step[] = [{ kind: 'differences', predicted: a, actual, position: 0 }];
        expect(encode(steps).length).toBeLessThanOrEqual(mostCompressedBytes(a.length));
        const literal: Step[] = [{ kind: 'literals', actual, position: 0 }];
        expect(encode(literal).length).toBeLessThanOrEqual(mostCompressedBytes(a.length));
      }),
      { numRuns: 30 },
    );
  });

  test('decodes any bytes to as many as are asked for', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), pair, fc.nat(400), (packed, { predicted }, literals) => {
        const steps: Step[] = [
          { kind: 'number', column: 0, value: 0, beside: 0 },
          { kind: 'differences', predicted, actual: predicted, position: 5 },
          { kind: 'literals', actual: new Uint8Array(literals), position: 7 },
        ];
        const [number, differences, bytes] = decode(packed, steps).results;
        expect(number).toBeLessThan(2 ** 53);
        expect(differences).toHaveLength(predicted.length);
        expect(bytes).toHaveLength(literals);
      }),
      { numRuns: 100 },
    );
  });

  test('codes the differences of real firmware in far less than a coder that does not see the old bytes', async () => {
    const { old, new: target } = await realFirmware('movehub');
    const covers = findCovers(imageInMemory(old), imageInMemory(target));
    const steps = Array.from({ length: covers.count }, (_, i) => {
      const [newAt, oldAt, length] = [covers.newAt[i]!, covers.oldAt[i]!, covers.length[i]!];
      const predicted = old.subarray(oldAt, oldAt + length);
      return {
        kind: 'differences',
        predicted,
        actual: target.subarray(newAt, newAt + length),
        position: newAt,
      } as const;
    });
    const plain = steps.map(({ predicted, actual }) => actual.map((byte, at) => byte - predicted[at]!));
    expect(encode(steps).length).toBeLessThan(0.85 * brotliCompressSync(Buffer.concat(plain)).length);
  });

  test('takes as much memory as it says', () => {
    for (const size of [1, 70_000, 5_000_000, 2 ** 31 - 1]) {
      const bits = chooseTableBits(size);
      expect(bits).toBeGreaterThanOrEqual(16);
      expect(mixMemoryBytes(bits)).toBeLessThan(18 * 1024 * 1024);
    }
    const before = process.memoryUsage().arrayBuffers;
    const model = new MixModel(new RangeEncoder(), 20, COLUMNS);
    const taken = process.memoryUsage().arrayBuffers - before;
    expect(model.numbers.unsigned(0, 7)).toBe(7);
    expect(taken).toBeLessThanOrEqual(mixMemoryBytes(20));
  });
});
