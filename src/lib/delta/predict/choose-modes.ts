import type { ImageBytes } from '../image/image-bytes.js';
import type { Covers } from '../match/covers.js';
import { BlockCursor, CONTEXT_BYTES, countBlocks } from './blocks.js';
import { EqualBlocks } from './equal-blocks.js';
import type { Predictor } from './predictor.js';

/** What learning the target of a reference may save in later blocks. */
const LEARNING_GAIN_BYTES = 0.25;
/** Another mode than the block before has must save so many bytes more. */
const SWITCH_COST_BYTES = 1;

/**
 * Chooses the mode of each block: the one that leaves the fewest bytes to correct.
 *
 * A block that is equal in both images has mode 0 and is only compared.
 *
 * @param predictor a new one; afterwards it has learned from the whole image
 * @param blockBits base-2 logarithm of the size of blocks
 * @param onProgress called with the share of the covers that is done
 * @returns a mode for each block
 */
export function chooseModes(
  predictor: Predictor,
  covers: Covers,
  blockBits: number,
  old: ImageBytes,
  target: ImageBytes,
  onProgress: (doneFraction: number) => void = () => {},
): Uint8Array {
  const modes = new Uint8Array(countBlocks(covers, blockBits));
  const block = new BlockCursor(covers, blockBits);
  const equal = new EqualBlocks(old, target);
  let lastCover = 0;
  let lastMode = 0;
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
    let fewest = differingBytes(oldBytes, before, actual, length);
    if (lastMode === 0) fewest -= SWITCH_COST_BYTES;
    let best = 0;
    for (let mode = 1; mode < predictor.modeCount; mode++) {
      const predicted = predictor.predict(mode, oldBytes, before, length, oldAt, newAt);
      let differing = differingBytes(predicted, 0, actual, length);
      if (mode === lastMode) differing -= SWITCH_COST_BYTES;
      differing -= predictor.unknownReferences * LEARNING_GAIN_BYTES;
      if (differing < fewest) {
        fewest = differing;
        best = mode;
      }
    }
    modes[block.index] = best;
    lastMode = best;
    predictor.learn(best, oldBytes, before, actual, oldAt, newAt);
  }
  onProgress(1);
  return modes;
}

function differingBytes(a: Uint8Array, aAt: number, b: Uint8Array, length: number): number {
  let differing = 0;
  for (let i = 0; i < length; i++) if (a[aAt + i] !== b[i]) differing++;
  return differing;
}
