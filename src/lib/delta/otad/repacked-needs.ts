import type { PatchLayout } from '../formats.js';
import { readRecipe } from '../repack/recipe-reader.js';
import { type RepackNeeds, repackNeeds } from '../repack/repack-memory.js';
import { isOtadLayout } from './otad-layout.js';

const NOTHING: RepackNeeds = { memoryBytes: 0, storageBytes: 0 };

/**
 * What unpacking the old image and packing the new one take, beside making it.
 *
 * @throws OtaError PATCH_INVALID, TOOL_MISSING
 */
export async function repackedNeeds(
  layout: PatchLayout,
  patchName: string,
): Promise<RepackNeeds & { repackedBytes?: number }> {
  if (!isOtadLayout(layout) || layout.repack === undefined) return NOTHING;
  const { baseSize, targetSize, recipe: bytes } = layout.repack;
  const { baseSize: unpackedBaseSize, targetSize: unpackedTargetSize } = layout.header;
  const sizes = { baseSize, unpackedBaseSize, unpackedTargetSize };
  const recipe = readRecipe(bytes, sizes, patchName);
  const unpackedBytes = recipe.target.reduce((sum, stream) => sum + stream.unpackedBytes, 0);
  // what lies between the streams is the same in both
  const repackedBytes = targetSize - (unpackedTargetSize - unpackedBytes);
  return { ...(await repackNeeds(recipe, baseSize, patchName)), repackedBytes };
}
