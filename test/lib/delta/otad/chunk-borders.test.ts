import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { NO_RANGES } from '../../../../src/lib/delta/inplace/old-ranges.js';
import { inspectPatch } from '../../../../src/lib/delta/inspect-patch.js';
import { type Block, blocksBetween, countBlocksBetween, gapsBetween } from '../../../../src/lib/delta/otad/blocks.js';
import { ByteBodyWriter } from '../../../../src/lib/delta/otad/byte-body-writer.js';
import { byteSink } from '../../../../src/lib/delta/otad/byte-sinks.js';
import { ChunkWriter } from '../../../../src/lib/delta/otad/chunk-writer.js';
import { CHUNK_HASH_BYTES, chunkCount, writeHeader } from '../../../../src/lib/delta/otad/header.js';
import { MixBodyWriter } from '../../../../src/lib/delta/otad/mix/mix-body-writer.js';
import { otadChunks } from '../../../../src/lib/delta/otad/otad-chunks.js';
import { BlockCursor, countBlocks } from '../../../../src/lib/delta/predict/blocks.js';
import { modesOf } from '../../../../src/lib/delta/predict/modes.js';
import { type CoveredImages, coveredImages, thumbCalls } from '../../../support/covered-images.js';
import { strictImage } from '../../../support/strict-image.js';

const TABLE_BITS = 16;

/** Covers that are shorter than a block, end at its border, beside it, and reach over several chunks. */
const images = coveredImages(
  fc.oneof(
    fc.integer({ min: 1, max: 70 }),
    fc.constantFrom(63, 64, 65, 1023, 1024, 1025),
    fc.integer({ min: 900, max: 5000 }),
  ),
  thumbCalls,
);

interface Grid {
  chunkBits: number;
  blockBits: number;
}

const grids: fc.Arbitrary<Grid> = fc
  .record({ chunkBits: fc.integer({ min: 10, max: 13 }), blockBits: fc.integer({ min: 6, max: 12 }) })
  .map(({ chunkBits, blockBits }) => ({ chunkBits, blockBits: Math.min(blockBits, chunkBits) }));

interface Made extends Grid {
  coder: 'none' | 'mix';
  reordered: boolean;
  /** Modes of the blocks, again and again. */
  modes: number[];
  /** By which chunks are brought into another order. */
  ranks: number[];
}

const chunksOf = (size: number, { chunkBits }: Grid) =>
  Array.from({ length: chunkCount({ targetSize: size, chunkBits }) }, (_, number) => {
    const at = number * 2 ** chunkBits;
    return { number, at, end: Math.min(size, at + 2 ** chunkBits) };
  });

async function patchOf({ old, target, covers }: CoveredImages, made: Made): Promise<Buffer> {
  const { chunkBits, blockBits, coder, reordered, ranks } = made;
  const segment = (size: number, address: number) => ({ fileAt: 0, size, address, unit: 0 });
  const spaces = {
    machine: 'thumb' as const,
    old: [segment(old.length, 0x8000)],
    new: [segment(target.length, 0x9000)],
  };
  const chunks = chunksOf(target.length, made);
  if (reordered) chunks.sort((a, b) => ranks[a.number % ranks.length]! - ranks[b.number % ranks.length]!);
  const modeCount = modesOf('thumb').length;
  const modes = Uint8Array.from(
    { length: countBlocks(covers, blockBits) },
    (_, i) => made.modes[i % made.modes.length]! % modeCount,
  );
  const order = Int32Array.from(chunks, ({ number }) => number);
  const control = { spaces, covers, blockBits, order, stash: NO_RANGES };
  const body =
    coder === 'mix' ? new MixBodyWriter(TABLE_BITS) : new ByteBodyWriter(await byteSink({ coder: 'none' }, 0));
  await body.control(control, reordered);
  const writer = new ChunkWriter(
    control,
    modes,
    { old: strictImage(old), target: strictImage(target) },
    body,
    reordered,
  );
  const chunkHashes: Uint8Array[] = [];
  for (const { number, at, end } of chunks) {
    await writer.write(at, end);
    chunkHashes[number] = createHash('sha256').update(target.subarray(at, end)).digest().subarray(0, CHUNK_HASH_BYTES);
  }
  const { pieces, bodyBytes } = await body.finish();
  const header = writeHeader({
    ...{ coder, reordered, repacked: false, baseSize: old.length, targetSize: target.length, chunkBits, bodyBytes },
    ...{ coverCount: covers.count, counterBits: coder === 'mix' ? TABLE_BITS : 0, chunkHashes },
    ...{ stashBytes: 0, stashHash: new Uint8Array(0) },
  });
  return Buffer.concat([header, ...pieces]);
}

/** The chunks that come out, by their numbers; those that are there already do not. */
async function chunksFrom(patch: Buffer, old: Uint8Array, reordered: boolean, isThere: (number: number) => boolean) {
  const access = memoryAccess(patch, 'app.patch');
  const layout = await inspectPatch(reordered ? 'otad-inplace' : 'otad', access);
  const made = new Map<number, Buffer>();
  const base = memoryAccess(old, 'old.bin');
  const isMade = async (number: number) => isThere(number);
  for await (const { number, bytes } of otadChunks({ layout, patch: access, base, isMade }))
    made.set(number, Buffer.from(bytes));
  return made;
}

const choices = fc.record({
  modes: fc.array(fc.oneof(fc.constant(0), fc.nat(20)), { minLength: 1, maxLength: 9 }),
  ranks: fc.array(fc.nat(9), { minLength: 1, maxLength: 7 }),
});

describe('chunks of an otad patch are what was written, wherever covers, blocks and chunks end', () => {
  test.each([
    ['none', false],
    ['mix', false],
    ['none', true],
  ] as const)('coder %s, reordered: %s', async (coder, reordered) => {
    await fc.assert(
      fc.asyncProperty(images, grids, choices, async (pair, grid, choice) => {
        const patch = await patchOf(pair, { ...grid, ...choice, coder, reordered });
        const made = await chunksFrom(patch, pair.old, reordered, () => false);
        for (const { number, at, end } of chunksOf(pair.target.length, grid))
          expect(made.get(number)?.equals(pair.target.subarray(at, end)), `chunk ${number}`).toBe(true);
      }),
      { numRuns: coder === 'mix' ? 20 : 100 },
    );
  });

  test('coder none, reordered, with some of them there already', async () => {
    const there = fc.array(fc.boolean(), { minLength: 1, maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(images, grids, choices, there, async (pair, grid, choice, some) => {
        const isThere = (number: number) => some[number % some.length]!;
        const patch = await patchOf(pair, { ...grid, ...choice, coder: 'none', reordered: true });
        const made = await chunksFrom(patch, pair.old, true, isThere);
        for (const { number, at, end } of chunksOf(pair.target.length, grid)) {
          expect(made.has(number)).toBe(!isThere(number));
          expect(made.get(number)?.equals(pair.target.subarray(at, end)) ?? true, `chunk ${number}`).toBe(true);
        }
      }),
      { numRuns: 120 },
    );
  });
});

test('the blocks of all chunks are those of the whole image, and with the gaps they are all of it', () => {
  fc.assert(
    fc.property(images, grids, ({ target, covers }, { chunkBits, blockBits }) => {
      const chunks = chunksOf(target.length, { chunkBits, blockBits });
      const blocks = chunks.flatMap(({ at, end }) => [...blocksBetween(covers, blockBits, at, end)]);
      const counts = chunks.map(({ at, end }) => countBlocksBetween(covers, blockBits, at, end));
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(blocks.length);
      expect(countBlocks(covers, blockBits)).toBe(blocks.length);

      const cursor = new BlockCursor(covers, blockBits);
      const walked: Pick<Block, 'newAt' | 'oldAt' | 'length'>[] = [];
      while (cursor.next()) walked.push({ newAt: cursor.newAt, oldAt: cursor.oldAt, length: cursor.length });
      expect(blocks.map(({ newAt, oldAt, length }) => ({ newAt, oldAt, length }))).toEqual(walked);

      const gaps = chunks.flatMap(({ at, end }) => [...gapsBetween(covers, at, end)]);
      const parts = [...blocks.map(({ newAt, length }) => [newAt, newAt + length] as const), ...gaps];
      let reached = 0;
      for (const [from, to] of parts.toSorted((a, b) => a[0] - b[0])) {
        expect(from).toBe(reached);
        expect(to).toBeGreaterThan(from);
        reached = to;
      }
      expect(reached).toBe(target.length);
    }),
    { numRuns: 150 },
  );
});
