import type { ImageBytes } from '../image/image-bytes.js';
import type { Covers } from '../match/covers.js';
import { refineCovers } from '../match/refine-covers.js';
import type { AddressSpaces } from './address-space.js';
import { CONTEXT_BYTES, suitableBlockBits } from './blocks.js';
import { chooseModes } from './choose-modes.js';
import { ModeTrial } from './mode-trial.js';
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
  chooseModes(predictor, covers, suitableBlockBits(target.size), old, target);
  const trial = new ModeTrial(predictor);
  return refineCovers(covers, old, target, (oldAt, newAt, length) => {
    const before = Math.min(oldAt, CONTEXT_BYTES);
    const after = Math.min(old.size - oldAt - length, CONTEXT_BYTES);
    const oldBytes = old.view(oldAt - before, before + length + after);
    const actual = target.view(newAt, length);
    trial.search(oldBytes, before, actual, oldAt, newAt);
    return trial.predicted;
  });
}
