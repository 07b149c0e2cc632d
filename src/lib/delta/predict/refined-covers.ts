import type { ImageBytes } from '../image/image-bytes.js';
import type { Covers } from '../match/covers.js';
import { REFINED_BLOCK_BYTES, refineCovers } from '../match/refine-covers.js';
import type { AddressSpaces } from './address-space.js';
import { CONTEXT_BYTES, suitableBlockBits } from './blocks.js';
import { chooseModes } from './choose-modes.js';
import { Predictor } from './predictor.js';

/** It takes a few seconds for each 10 MB, and three times the new image of memory. */
const MOST_TARGET_BYTES = 16 * 1024 * 1024;

/**
 * Covers chosen anew by the bytes that a predictor makes of the old ones, which it learned to do
 * from the first covers: patches become one or two percent smaller.
 *
 * @returns the same covers when there is nothing to predict or the new image is larger than 16 MiB
 */
export function refinedCovers(spaces: AddressSpaces, covers: Covers, old: ImageBytes, target: ImageBytes): Covers {
  if (spaces.machine === 'none' || target.size > MOST_TARGET_BYTES) return covers;
  const predictor = new Predictor(spaces, covers);
  chooseModes(predictor, covers, suitableBlockBits(target.size), old, target);
  const best = new Uint8Array(REFINED_BLOCK_BYTES);
  return refineCovers(covers, old, target, (oldAt, newAt, length) => {
    const before = Math.min(oldAt, CONTEXT_BYTES);
    const after = Math.min(old.size - oldAt - length, CONTEXT_BYTES);
    const oldBytes = old.view(oldAt - before, before + length + after);
    const actual = target.view(newAt, length);
    let fewest = Number.POSITIVE_INFINITY;
    for (let mode = 0; mode < predictor.modeCount && fewest > 0; mode++) {
      const predicted = predictor.predict(mode, oldBytes, before, length, oldAt, newAt);
      const differing = differingBytes(predicted, actual);
      if (differing >= fewest) continue;
      fewest = differing;
      best.set(predicted);
    }
    return best.subarray(0, length);
  });
}

function differingBytes(a: Uint8Array, b: Uint8Array): number {
  let differing = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) differing++;
  return differing;
}
