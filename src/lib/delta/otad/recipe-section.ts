import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import type { RandomAccess } from '../../core/random-access.js';
import { MAX_IMAGE_BYTES } from '../formats.js';
import { invalidPatch } from '../patch-error.js';
import { VarintReader, VarintWriter } from './varint.js';

/** What a repacked patch says between its header and its body: how the images are unpacked and packed again. */
export interface RecipeSection {
  /** Sizes of the images as they are, bytes; those in the header are of the unpacked ones. */
  baseSize: number;
  targetSize: number;
  /** As `readRecipe` reads it. */
  recipe: Uint8Array;
}

/** Streams that record their encoder's decisions have long recipes. */
const MAX_RECIPE_BYTES = 64 * 1024 * 1024;
const FIELDS_BYTES = 40;

export function writeRecipeSection({ baseSize, targetSize, recipe }: RecipeSection): Uint8Array {
  const packed = brotliCompressSync(recipe, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: recipe.length } });
  const fields = new VarintWriter();
  for (const number of [baseSize, targetSize, recipe.length, packed.length]) fields.unsigned(number);
  return Buffer.concat([fields.bytes, packed]);
}

/**
 * @param at where the section begins in the patch
 * @returns the section, and where it ends
 * @throws OtaError PATCH_INVALID
 */
export async function readRecipeSection(
  patch: RandomAccess,
  at: number,
): Promise<{ section: RecipeSection; end: number }> {
  const bytes = new Uint8Array(FIELDS_BYTES);
  const got = await patch.read(bytes, at);
  let read = 0;
  const nextByte = () => {
    if (read === got) throw invalidPatch(patch.name, 'the patch ends inside its recipe');
    return bytes[read++]!;
  };
  const numbers = new VarintReader(nextByte, patch.name);
  const baseSize = numbers.unsigned(MAX_IMAGE_BYTES, 'the size of the packed old image');
  const targetSize = numbers.unsigned(MAX_IMAGE_BYTES, 'the size of the packed new image');
  const recipeBytes = numbers.unsigned(MAX_RECIPE_BYTES, 'the size of the recipe');
  const packedBytes = numbers.unsigned(MAX_RECIPE_BYTES, 'the packed size of the recipe');
  const end = at + read + packedBytes;
  if (end > patch.size) {
    throw invalidPatch(patch.name, `its recipe ends at byte ${end}, the patch has ${patch.size}`);
  }
  const packed = new Uint8Array(packedBytes);
  await patch.read(packed, at + read);
  return { section: { baseSize, targetSize, recipe: unpack(packed, recipeBytes, patch.name) }, end };
}

function unpack(packed: Uint8Array, recipeBytes: number, patchName: string): Uint8Array {
  try {
    const recipe = brotliDecompressSync(packed, { maxOutputLength: Math.max(1, recipeBytes) });
    if (recipe.length === recipeBytes) return recipe;
  } catch (error) {
    throw invalidPatch(patchName, 'its recipe is not valid brotli data', { cause: error });
  }
  throw invalidPatch(patchName, `its recipe does not unpack to the ${recipeBytes} bytes it promises`);
}
