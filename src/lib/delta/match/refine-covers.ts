import type { ImageBytes } from '../image/image-bytes.js';
import { wholeImage } from '../image/whole-image.js';
import { releaseBytes } from '../release-bytes.js';
import { chooseCovers } from './choose-covers.js';
import { Content } from './content.js';
import { PREDICTED_COSTS } from './cost-model.js';
import type { Covers } from './covers.js';
import { SegmentList } from './segments.js';

/**
 * What the old bytes at one place are predicted to become at a place of the new image.
 *
 * @param length at most that of a block; the new bytes lie in one block of the new image
 * @returns valid until the next call
 */
export type PredictBytes = (oldAt: number, newAt: number, length: number) => Uint8Array;

/** How far a cover may grow at either end. */
const GROWTH_BYTES = 48;
/** Covers on one diagonal with at most so many bytes between them may become one. */
const BRIDGE_BYTES = 256;
/** Bytes that are predicted at once, unless something else is said. */
const BLOCK_BYTES = 1024;
/**
 * Chooses covers anew once a first choice has shown where references lead: where each begins and
 * ends, whether it pays, and which gaps are worth bridging, by the bytes as they are predicted.
 *
 * It holds the new image and what is predicted for it.
 *
 * @param predict    by the first covers
 * @param blockBytes that are predicted at once
 */
export function refineCovers(
  covers: Covers,
  old: ImageBytes,
  target: ImageBytes,
  predict: PredictBytes,
  blockBytes = BLOCK_BYTES,
): Covers {
  const segments = grownCovers(covers, old.size, target.size);
  let predictedSize = 0;
  for (let i = 0; i < segments.count; i++) predictedSize += segments.end[i]! - segments.start[i]!;
  const predicted = Buffer.allocUnsafeSlow(predictedSize);
  const offsets = new Int32Array(segments.count);
  let filled = 0;
  for (let i = 0; i < segments.count; i++) {
    const end = segments.end[i]!;
    offsets[i] = filled - segments.start[i]!;
    for (let at = segments.start[i]!; at < end; ) {
      const length = Math.min(end - at, blockBytes - (at % blockBytes));
      predicted.set(predict(at + segments.diagonal[i]!, at, length), filled);
      filled += length;
      at += length;
    }
  }
  const bytes = wholeImage(target);
  const chosen = chooseCovers(segments, new Content(predicted), new Content(bytes), PREDICTED_COSTS, offsets);
  segments.release();
  releaseBytes(predicted, bytes);
  return chosen;
}

/** Covers with room to grow, by where they start; those that go on with one another become one. */
function grownCovers({ count, newAt, oldAt, length }: Covers, oldSize: number, targetSize: number): SegmentList {
  const list = new SegmentList();
  for (let i = 0; i < count; i++) {
    const diagonal = oldAt[i]! - newAt[i]!;
    const end = Math.min(newAt[i]! + length[i]! + GROWTH_BYTES, targetSize, oldSize - diagonal);
    const last = list.count - 1;
    if (last >= 0 && list.diagonal[last] === diagonal && newAt[i]! - list.end[last]! < BRIDGE_BYTES) {
      list.end[last] = end;
      continue;
    }
    // the one before may not have grown to the front, where the old image begins: this one then starts no earlier
    const earliest = last >= 0 ? list.start[last]! : 0;
    list.add(Math.max(newAt[i]! - GROWTH_BYTES, earliest, -diagonal), end, diagonal);
  }
  return list;
}
