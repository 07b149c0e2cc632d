import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import type { CodecPool } from '../../../../src/lib/delta/repack/codec-pool.js';
import { sinkToMemory } from '../../../../src/lib/delta/repack/image-sink.js';
import type { Recipe } from '../../../../src/lib/delta/repack/recipe.js';
import { readRecipe } from '../../../../src/lib/delta/repack/recipe-reader.js';
import { repackTarget } from '../../../../src/lib/delta/repack/repack-target.js';
import { type UnpackedPair, unpackImages } from '../../../../src/lib/delta/repack/unpack-images.js';
import { openUnpackedBase } from '../../../../src/lib/delta/repack/unpacked-base.js';

export interface Images {
  base: Uint8Array;
  target: Uint8Array;
}

/** What unpacking a pair leaves, and how it comes back. */
export interface UnpackedImages {
  pair: UnpackedPair;
  recipe: Recipe;
  base: Buffer;
  target: Buffer;
}

export async function unpackInMemory(pool: CodecPool, images: Images): Promise<UnpackedImages | undefined> {
  const sinks = { base: sinkToMemory(), target: sinkToMemory() };
  const inMemory = { base: imageInMemory(images.base), target: imageInMemory(images.target) };
  const pair = await unpackImages(pool, inMemory, sinks, () => undefined);
  if (pair === undefined) return undefined;
  const [base, target] = [Buffer.from(sinks.base.bytes()), Buffer.from(sinks.target.bytes())];
  const sizes = { baseSize: images.base.length, unpackedBaseSize: base.length, unpackedTargetSize: target.length };
  return { pair, base, target, recipe: readRecipe(pair.recipe, sizes, 'patch') };
}

/** Unpacks the old image by a recipe. */
export async function unpackedByRecipe(recipe: Recipe, image: Uint8Array): Promise<Buffer> {
  await using base = await openUnpackedBase(recipe, memoryAccess(image, 'base'), { patchName: 'patch' });
  const bytes = Buffer.alloc(base.size);
  await base.read(bytes, 0);
  return bytes;
}

/** Packs the new image by a recipe, from pieces of odd sizes. */
export async function packedByRecipe(recipe: Recipe, unpacked: Uint8Array): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of repackTarget(recipe, odd(unpacked), { patchName: 'patch' }))
    pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

async function* odd(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 7919) yield bytes.subarray(at, at + 7919);
}
