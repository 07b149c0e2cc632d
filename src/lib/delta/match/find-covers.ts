import type { ImageBytes } from '../image/image-bytes.js';
import { wholeImage } from '../image/whole-image.js';
import { chooseCovers } from './choose-covers.js';
import { TYPICAL_COSTS } from './cost-model.js';
import type { Covers } from './covers.js';
import { findSegments } from './find-segments.js';
import { seedIndex } from './seed-index.js';

/** Masks, in a copy of a piece of an image, the fields whose values change when code only moves. */
export type Normalise = (bytes: Uint8Array, fileAt: number) => void;

export interface FindCoversOptions {
  /** Where the images are code: what masks references in either; matches are then searched in masked copies. */
  normalise?: { old: Normalise; target: Normalise };
  /** What may be used beyond the runtime, bytes. */
  memoryBytes?: number;
  /** Called with the share that is done, 0 to 1, never falling. */
  onProgress?: (doneFraction: number) => void;
}

/** Share of the time that finding segments takes, after the index and before the choice. */
const SEARCH_SHARE = 0.8;

/**
 * Finds which parts of the new image come from which parts of the old one, so that the patch becomes small.
 *
 * The same images and options give the same covers everywhere.
 *
 * @throws RangeError when memory is short
 */
export function findCovers(oldImage: ImageBytes, targetImage: ImageBytes, options: FindCoversOptions = {}): Covers {
  const { normalise, onProgress = () => undefined } = options;
  const old = wholeImage(oldImage);
  const target = wholeImage(targetImage);
  normalise?.old(old, 0);
  normalise?.target(target, 0);
  const index = seedIndex(old, seedStep(old.length));
  const segments = findSegments(old, target, index, (done) => onProgress(done * SEARCH_SHARE));
  const covers = chooseCovers(segments, old, target, TYPICAL_COSTS);
  onProgress(1);
  return covers;
}

/** In large images every fourth position is enough: instructions and table entries are aligned, and long matches abound. */
function seedStep(size: number): number {
  if (size <= 1024 * 1024) return 1;
  return size <= 16 * 1024 * 1024 ? 2 : 4;
}
