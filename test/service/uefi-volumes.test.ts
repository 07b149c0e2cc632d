import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { memoryAccess } from '../../src/lib/core/file-access.js';
import { imageInMemory } from '../../src/lib/delta/image/image-bytes.js';
import type { Codec } from '../../src/lib/delta/repack/codec.js';
import { CodecPool } from '../../src/lib/delta/repack/codec-pool.js';
import { lzmaParse } from '../../src/lib/delta/repack/codecs/lzma-parse.js';
import { lzmaSdk } from '../../src/lib/delta/repack/codecs/lzma-sdk.js';
import { uefi } from '../../src/lib/delta/repack/finders/uefi.js';
import { sinkToMemory } from '../../src/lib/delta/repack/image-sink.js';
import { proveStream } from '../../src/lib/delta/repack/prove-stream.js';
import { readRecipe } from '../../src/lib/delta/repack/recipe-reader.js';
import { repackTarget } from '../../src/lib/delta/repack/repack-target.js';
import { unpackImages } from '../../src/lib/delta/repack/unpack-images.js';
import { openUnpackedBase } from '../../src/lib/delta/repack/unpacked-base.js';

// Debian's firmware for virtual machines: made by EDK2, compressed by the LZMA SDK that it carries
const OLD = '/usr/share/OVMF/OVMF_CODE_4M.secboot.fd';
const NEW = '/usr/share/OVMF/OVMF_CODE_4M.fd';
const PATCH = { patchName: 'ovmf.otad' };

describe("EDK2's firmware volumes", () => {
  test.each<[Codec, number]>([
    [lzmaSdk, 1],
    [lzmaParse, 1.1],
  ])('are repeated by the codec $name', async (codec, growth) => {
    const image = await readFile(NEW);
    const [found] = [...uefi.find(imageInMemory(image))];
    const packed = image.subarray(found!.at, found!.at + found!.packedBytes);
    const { unpacked, packedBytes } = await codec.decode(packed, 100_000_000);
    expect(packedBytes).toBe(packed.length);
    expect(unpacked.length).toBeLessThan(13_500_560 * growth + 1);
    const proof = await proveStream(codec, packed, unpacked, []);
    expect(proof?.corrections).toEqual([]);
  });

  test('are unpacked, and packed again by the recipe', async () => {
    const [base, target] = [await readFile(OLD), await readFile(NEW)];
    await using pool = new CodecPool();
    const sinks = { base: sinkToMemory(), target: sinkToMemory() };
    const images = { base: imageInMemory(base), target: imageInMemory(target) };
    const pair = await unpackImages(pool, images, sinks, () => undefined);
    expect(pair).toMatchObject({ counts: { reproduced: 1, left: 0 }, baseStreams: 1 });
    const sizes = {
      baseSize: base.length,
      unpackedBaseSize: sinks.base.size,
      unpackedTargetSize: sinks.target.size,
    };
    const recipe = readRecipe(pair!.recipe, sizes, PATCH.patchName);
    expect(recipe.codecs.map(({ name }) => name)).toEqual(['lzma-sdk']);

    await using unpackedBase = await openUnpackedBase(recipe, memoryAccess(base, 'base'), PATCH);
    const again = Buffer.alloc(unpackedBase.size);
    await unpackedBase.read(again, 0);
    expect(again.equals(sinks.base.bytes())).toBe(true);
    const pieces: Buffer[] = [];
    for await (const piece of repackTarget(recipe, once(sinks.target.bytes()), PATCH)) pieces.push(Buffer.from(piece));
    expect(Buffer.concat(pieces).equals(target)).toBe(true);
  });
});

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
