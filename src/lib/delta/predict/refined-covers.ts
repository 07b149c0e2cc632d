import type { ImageBytes } from '../image/image-bytes.js';
import type { Covers } from '../match/covers.js';
import { refineCovers } from '../match/refine-covers.js';
import type { AddressSpaces } from './address-space.js';
import { BlockCursor, CONTEXT_BYTES, suitableBlockBits } from './blocks.js';
import { chooseModes } from './choose-modes.js';
import { Predictor } from './predictor.js';

/** It takes a few seconds for each 10 MB, and three times the new image of memory. */
export const refinedTargetBytes = 16 * 1024 * 1024;

/**
 * Covers chosen anew by the bytes that a predictor makes of the old ones, which it learned to do
 * from the first covers: patches become one or two percent smaller.
 *
 * @returns the same covers when there is nothing to predict or the new image is larger than 16 MiB
 */
export function refinedCovers(spaces: AddressSpaces, covers: Covers, old: ImageBytes, target: ImageBytes): Covers {
  if (spaces.machine === 'none' || target.size > refinedTargetBytes) return covers;
  const predictor = new Predictor(spaces, covers);
  const blockBits = suitableBlockBits(target.size);
  const modes = modesByPlace(covers, chooseModes(predictor, covers, blockBits, old, target), blockBits, target.size);
  return refineCovers(
    covers,
    old,
    target,
    (oldAt, newAt, length) => {
      const before = Math.min(oldAt, CONTEXT_BYTES);
      const after = Math.min(old.size - oldAt - length, CONTEXT_BYTES);
      const oldBytes = old.view(oldAt - before, before + length + after);
      return predictor.predict(modes[newAt >>> blockBits]!, oldBytes, before, length, oldAt, newAt);
    },
    2 ** blockBits,
  );
}

/** The mode of most of each block of the new image: that of the blocks before where it has none. */
function modesByPlace(covers: Covers, modes: Uint8Array, blockBits: number, size: number): Uint8Array {
  const byPlace = new Uint8Array((size >>> blockBits) + 1);
  const block = new BlockCursor(covers, blockBits);
  while (block.next()) {
    const mode = modes[block.index]!;
    if (mode !== 0) byPlace[block.newAt >>> blockBits] = mode;
  }
  for (let i = 1; i < byPlace.length; i++) if (byPlace[i] === 0) byPlace[i] = byPlace[i - 1]!;
  return byPlace;
}
