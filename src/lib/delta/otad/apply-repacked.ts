import type { ApplyDeltaOptions } from '../formats.js';
import { invalidPatch } from '../patch-error.js';
import { readRecipe } from '../repack/recipe-reader.js';
import { repackTarget } from '../repack/repack-target.js';
import { openUnpackedBase } from '../repack/unpacked-base.js';
import { inOrder } from './apply-otad.js';
import type { OtadLayout } from './otad-layout.js';

/** Unpacks the old image, makes the unpacked new one of it, and packs that again. */
export async function* applyRepacked(
  layout: OtadLayout,
  { patch, base, signal, proven }: ApplyDeltaOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const section = layout.repack;
  if (section === undefined) throw new Error(`${patch.name}: a layout without its recipe`);
  if (base.size !== section.baseSize) {
    throw invalidPatch(
      patch.name,
      `it applies to an image of ${section.baseSize} bytes, ${base.name} has ${base.size}: this is another base`,
    );
  }
  const { baseSize: unpackedBaseSize, targetSize: unpackedTargetSize } = layout.header;
  const sizes = { baseSize: base.size, unpackedBaseSize, unpackedTargetSize };
  const recipe = readRecipe(section.recipe, sizes, patch.name);
  await using unpacked = await openUnpackedBase(recipe, base, { patchName: patch.name, signal });
  let madeBytes = 0;
  for await (const piece of repackTarget(recipe, inOrder(layout, unpacked, { patch, signal }), {
    patchName: patch.name,
    signal,
    proven,
  })) {
    madeBytes += piece.length;
    if (madeBytes > section.targetSize) break;
    yield piece;
  }
  if (madeBytes !== section.targetSize) {
    throw invalidPatch(
      patch.name,
      `its recipe packs an image of other than the ${section.targetSize} bytes it promises`,
    );
  }
}
