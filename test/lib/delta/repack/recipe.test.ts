import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../../src/lib/core/errors.js';
import {
  type BaseStream,
  MAX_DEPTH,
  type Recipe,
  streamGroups,
  type TargetStream,
} from '../../../../src/lib/delta/repack/recipe.js';
import { readRecipe, unpackedSize } from '../../../../src/lib/delta/repack/recipe-reader.js';
import { writeRecipe } from '../../../../src/lib/delta/repack/recipe-writer.js';

const CODECS = [
  { name: 'xz', version: 'liblzma 5.2.3' },
  { name: 'gzip', version: 'pako 3.0.3' },
];

/** Streams that hold streams, as deep as recipes may. */
function baseStreams(depth: number): fc.Arbitrary<BaseStream> {
  return fc.record({
    codec: fc.nat(1),
    gapBytes: fc.nat(1000),
    packedBytes: fc.nat(1000),
    contentBytes: fc.integer({ min: 20_000, max: 60_000 }),
    inner: depth === MAX_DEPTH ? fc.constant<BaseStream[]>([]) : fc.array(baseStreams(depth + 1), { maxLength: 2 }),
  });
}

function targetStreams(depth: number): fc.Arbitrary<TargetStream> {
  return fc
    .record({
      codec: fc.nat(1),
      settings: fc.uint8Array({ maxLength: 3 }),
      gapBytes: fc.nat(1000),
      unpackedBytes: fc.integer({ min: 20_000, max: 30_000 }),
      contentBytes: fc.nat(9_000_000),
      corrections: fc.array(
        fc.record({ gapBytes: fc.nat(300), droppedBytes: fc.nat(9), bytes: fc.uint8Array({ maxLength: 9 }) }),
        { maxLength: 3 },
      ),
      inner:
        depth === MAX_DEPTH ? fc.constant<TargetStream[]>([]) : fc.array(targetStreams(depth + 1), { maxLength: 1 }),
    })
    .map((stream) => {
      const fits = stream.inner.every((one) => one.gapBytes + one.unpackedBytes <= stream.unpackedBytes);
      const inner = fits ? stream.inner : [];
      return { ...stream, inner, contentBytes: inner.length === 0 ? stream.unpackedBytes : stream.contentBytes };
    });
}

const recipes = fc.record({
  base: fc.array(baseStreams(1), { maxLength: 4 }),
  target: fc.array(targetStreams(1), { maxLength: 4 }),
});

describe('a recipe', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(recipes, (streams) => {
        const { recipe, sizes } = complete(streams);
        expect(plain(readRecipe(writeRecipe(recipe), sizes, 'patch'))).toEqual(plain(recipe));
      }),
    );
  });

  test('that was changed or cut is refused or bounded, and nothing else happens', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(recipes, flips, fc.nat(9), (streams, changes, cut) => {
        const { recipe, sizes } = complete(streams);
        const bytes = Uint8Array.from(writeRecipe(recipe));
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        try {
          const read = readRecipe(bytes.subarray(0, bytes.length - cut), sizes, 'patch');
          expect(unpackedSize(read.base, sizes.baseSize)).toBe(sizes.unpackedBaseSize);
        } catch (error) {
          expect(error).toBeInstanceOf(OtaError);
          expect((error as OtaError).code).toBe('PATCH_INVALID');
        }
      }),
    );
  });

  test('keeps thousands of blocks with equal settings in a few bytes each', () => {
    const stream: TargetStream = {
      ...{ codec: 0, settings: Uint8Array.of(1, 2, 3, 4), gapBytes: 0, unpackedBytes: 131_072, contentBytes: 131_072 },
      ...{ corrections: [], inner: [] },
    };
    const { recipe } = complete({ base: [], target: new Array<TargetStream>(2000).fill(stream) });
    expect(writeRecipe(recipe).length).toBeLessThan(2000 * 4 + recipe.checks.length * 8 + 100);
  });

  const stream = { codec: 0, gapBytes: 10, packedBytes: 20, contentBytes: 30, inner: [] };
  const deep = (depth: number): BaseStream => ({
    ...stream,
    inner: depth === 1 ? [] : [{ ...deep(depth - 1), gapBytes: 0, packedBytes: 9 }],
  });
  test.each<[string, BaseStream[], RegExp]>([
    ['has a stream outside the image', [{ ...stream, gapBytes: 90 }], /ends at 110/],
    ['has streams that together reach outside', [stream, stream, stream, stream], /ends at 120/],
    ['has a stream outside the one around it', [{ ...stream, inner: [{ ...stream, packedBytes: 21 }] }], /ends at 31/],
    ['claims more than a codec can pack', [{ ...stream, contentBytes: 2 ** 28 }], /should unpack to/],
    ['claims a stream beyond the limit', [{ ...stream, contentBytes: 2 ** 31 }], /at most/],
    ['is nested too deeply', [deep(MAX_DEPTH + 1)], /deep in each other/],
    ['names a codec it does not list', [{ ...stream, codec: 2 }], /kind of a stream/],
  ])('that %s is refused', (_, streams, reason) => {
    const bytes = writeRecipe({ codecs: CODECS, base: streams, target: [], checks: [] });
    const sizes = { baseSize: 100, unpackedBaseSize: unpackedSize(streams, 100), unpackedTargetSize: 0 };
    expect(() => readRecipe(bytes, sizes, 'patch')).toThrow(reason);
  });

  test('for images of other sizes is refused', () => {
    const { recipe, sizes } = complete({ base: [stream], target: [] });
    const other = { ...sizes, unpackedBaseSize: sizes.unpackedBaseSize + 1 };
    expect(() => readRecipe(writeRecipe(recipe), other, 'patch')).toThrow(/unpacks to/);
  });
});

function complete({ base, target }: Pick<Recipe, 'base' | 'target'>) {
  const checks = streamGroups(target).map((_, i) => new Uint8Array(8).fill(i));
  const baseSize = base.reduce((sum, { gapBytes, packedBytes }) => sum + gapBytes + packedBytes, 100);
  const unpackedTargetSize = target.reduce((sum, { gapBytes, unpackedBytes }) => sum + gapBytes + unpackedBytes, 100);
  const sizes = { baseSize, unpackedBaseSize: unpackedSize(base, baseSize), unpackedTargetSize };
  return { recipe: { codecs: CODECS, base, target, checks } satisfies Recipe, sizes };
}

/** Without the classes of buffers. */
function plain(recipe: Recipe): unknown {
  return JSON.parse(
    JSON.stringify(recipe, (_, value) =>
      value?.type === 'Buffer' ? value.data : ArrayBuffer.isView(value) ? [...(value as Uint8Array)] : value,
    ),
  );
}
