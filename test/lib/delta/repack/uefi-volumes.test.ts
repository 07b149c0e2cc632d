import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import { CodecPool } from '../../../../src/lib/delta/repack/codec-pool.js';
import { sinkToMemory } from '../../../../src/lib/delta/repack/image-sink.js';
import { readRecipe } from '../../../../src/lib/delta/repack/recipe-reader.js';
import { repackTarget } from '../../../../src/lib/delta/repack/repack-target.js';
import { type UnpackedPair, unpackImages } from '../../../../src/lib/delta/repack/unpack-images.js';
import { openUnpackedBase } from '../../../../src/lib/delta/repack/unpacked-base.js';
import { firmwareVolume, lzmaSection } from './finders/firmware-volume.js';
import { aloneFile, programLike } from './lzma-parse/lzma-streams.js';

const PATCH = { patchName: 'volumes.otad' };

/** What unpacking leaves of a pair. */
interface Unpacked {
  pair: UnpackedPair | undefined;
  base: Buffer;
  target: Buffer;
}

describe('firmware volumes whose encoder is not at hand', () => {
  const content = programLike(120_000);
  const changed = Buffer.from(content);
  changed.fill(1, 50_000, 50_040);
  let images: { base: Buffer; target: Buffer };
  let unpacked: Unpacked;
  let pool: CodecPool;

  beforeAll(async () => {
    pool = new CodecPool();
    images = { base: await volumeOf(content), target: await volumeOf(changed) };
    const sinks = { base: sinkToMemory(), target: sinkToMemory() };
    const inMemory = { base: imageInMemory(images.base), target: imageInMemory(images.target) };
    const pair = await unpackImages(pool, inMemory, sinks, () => undefined);
    unpacked = { pair, base: Buffer.from(sinks.base.bytes()), target: Buffer.from(sinks.target.bytes()) };
  });
  afterAll(() => pool[Symbol.asyncDispose]());

  test('are unpacked to contents and records of decisions, in both images', () => {
    expect(unpacked.pair).toMatchObject({ counts: { reproduced: 1, left: 0 }, baseStreams: 1 });
    expect(unpacked.base.includes(content)).toBe(true);
    expect(unpacked.target.includes(changed)).toBe(true);
    expect(unpacked.base.length).toBeGreaterThan(content.length + 10_000);
  });

  test('come back by the recipe, bit for bit', async () => {
    const sizes = {
      baseSize: images.base.length,
      unpackedBaseSize: unpacked.base.length,
      unpackedTargetSize: unpacked.target.length,
    };
    const recipe = readRecipe(unpacked.pair!.recipe, sizes, PATCH.patchName);
    expect(recipe.codecs.map(({ name }) => name)).toEqual(['lzma-parse']);
    await using base = await openUnpackedBase(recipe, memoryAccess(images.base, 'base'), PATCH);
    const again = Buffer.alloc(base.size);
    await base.read(again, 0);
    expect(again.equals(unpacked.base)).toBe(true);
    const pieces: Buffer[] = [];
    for await (const piece of repackTarget(recipe, once(unpacked.target), PATCH)) pieces.push(Buffer.from(piece));
    expect(Buffer.concat(pieces).equals(images.target)).toBe(true);
  });
});

async function volumeOf(content: Buffer): Promise<Buffer> {
  // liblzma decides otherwise than the LZMA SDK, so no settings of that one make the stream
  const stream = await aloneFile(content, BigInt(content.length));
  return Buffer.concat([Buffer.alloc(4096, 0xff), firmwareVolume([lzmaSection(stream)])]);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
