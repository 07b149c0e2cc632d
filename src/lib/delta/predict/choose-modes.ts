import type { ImageBytes } from '../image/image-bytes.js';
import type { Covers } from '../match/covers.js';
import { BlockCursor, CONTEXT_BYTES, countBlocks } from './blocks.js';
import { EqualBlocks } from './equal-blocks.js';
import { ModeTrial } from './mode-trial.js';
import type { Predictor } from './predictor.js';

export interface ModeChoices {
  /** As for {@link ModeTrial}: 0 for the smallest patch, more for one that is applied sooner. */
  leastGain?: number;
  /** Called with the share of the covers that is done. */
  onProgress?: (doneFraction: number) => void;
}

/**
 * Chooses the mode of each block: the one that leaves the fewest bytes to correct.
 *
 * A block that is equal in both images has mode 0 and is only compared.
 *
 * @param predictor a new one; afterwards it has learned from the whole image
 * @param blockBits base-2 logarithm of the size of blocks
 * @returns a mode for each block
 */
export function chooseModes(
  predictor: Predictor,
  covers: Covers,
  blockBits: number,
  old: ImageBytes,
  target: ImageBytes,
  { leastGain = 0, onProgress = () => {} }: ModeChoices = {},
): Uint8Array {
  const modes = new Uint8Array(countBlocks(covers, blockBits));
  const block = new BlockCursor(covers, blockBits);
  const equal = new EqualBlocks(old, target, covers.exact);
  const trial = new ModeTrial(predictor, leastGain);
  let lastCover = 0;
  while (block.next()) {
    if (block.cover !== lastCover) {
      lastCover = block.cover;
      onProgress(lastCover / covers.count);
    }
    if (equal.has(block)) continue;
    const { oldAt, newAt, length } = block;
    const before = Math.min(oldAt, CONTEXT_BYTES);
    const after = Math.min(old.size - oldAt - length, CONTEXT_BYTES);
    const oldBytes = old.view(oldAt - before, before + length + after);
    const actual = target.view(newAt, length);
    trial.search(oldBytes, before, actual, oldAt, newAt);
    modes[block.index] = trial.mode;
    if (trial.differing > 0) predictor.learn(trial.mode, oldBytes, before, actual, oldAt, newAt); // as the applier does
  }
  onProgress(1);
  return modes;
}
