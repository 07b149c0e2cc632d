import type { ImageBytes } from '../image/image-bytes.js';
import { wholeImage } from '../image/whole-image.js';
import { coverList } from './cover-list.js';
import type { Covers } from './covers.js';
import { commonLength, MatchFinder } from './match-finder.js';

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

/** A match must be better than going on as before by more than this many bytes; bsdiff has 8, brotli gains from 6. */
const SWITCH_GAIN_BYTES = 6;
/** Where the present alignment goes on for this long, nothing better is searched for. */
const ALIGNED_BYTES = 32;
/** A match this long that stays a little better for so many steps is taken after all: inside runs it would for ever. */
const LONG_MATCH_BYTES = 1024;
const UNDECIDED_STEPS = 128;

/**
 * Finds which parts of the new image come from which of the old one, as bsdiff does.
 *
 * It walks the new image and looks for places where some other part of the old
 * image agrees for clearly longer than the part that lines up now. From such an
 * exact match it extends both ways for as long as at least half of the bytes
 * agree, since code that only moved differs in a few bytes everywhere.
 *
 * @see Colin Percival: Naive differences of executable code (2003)
 */
export function findCovers(oldImage: ImageBytes, targetImage: ImageBytes, options: FindCoversOptions = {}): Covers {
  const { onProgress = () => undefined } = options;
  const old = wholeImage(oldImage);
  const target = wholeImage(targetImage);
  const list = coverList();
  const finder = new MatchFinder(old, target);
  onProgress(0);
  /** Up to where the new image is covered by triples, and which place of the old one that lines up with. */
  let covered = 0;
  let coveredOld = 0;
  let scan = 0;
  let length = 0;
  let position = 0;
  while (scan < target.length) {
    scan += length;
    const offset = coveredOld - covered;
    let agreeing = 0; // bytes of the match that the present alignment gets right as well
    let counted = scan;
    let undecided = 0;
    for (; scan < target.length; scan++) {
      const aligned = commonLength(old, scan + offset, target, scan);
      if (aligned >= ALIGNED_BYTES) {
        length = aligned;
        agreeing = aligned;
        break;
      }
      finder.find(scan);
      ({ length, position } = finder);
      for (; counted < scan + length; counted++) {
        if (counted + offset < old.length && old[counted + offset] === target[counted]) agreeing++;
      }
      if (length === agreeing && length !== 0) break;
      if (length > agreeing + SWITCH_GAIN_BYTES) break;
      if (length > agreeing && length >= LONG_MATCH_BYTES && ++undecided > UNDECIDED_STEPS) break;
      if (scan + offset < old.length && old[scan + offset] === target[scan]) agreeing--;
    }
    if (length === agreeing && scan < target.length) continue;

    let forward = extendForward(old, coveredOld, target, covered, scan);
    let backward = scan < target.length ? extendBackward(old, position, target, scan, covered) : 0;
    const overlap = covered + forward - (scan - backward);
    if (overlap > 0) {
      const kept = bestSplit(
        old,
        coveredOld + forward - overlap,
        position - backward,
        target,
        scan - backward,
        overlap,
      );
      forward += kept - overlap;
      backward -= kept;
    }
    if (forward > 0) list.add(covered, coveredOld, forward);
    covered = scan - backward;
    coveredOld = position - backward;
    onProgress(scan / target.length);
  }
  return list.covers();
}

/** How far the alignment is worth keeping: to where the agreeing bytes exceed the others most. */
function extendForward(old: Buffer, oldAt: number, target: Buffer, from: number, to: number): number {
  const most = Math.min(to - from, old.length - oldAt);
  let score = 0;
  let bestScore = 0;
  let best = 0;
  for (let i = 0; i < most; ) {
    score += old[oldAt + i] === target[from + i] ? 1 : -1;
    i++;
    if (score > bestScore) {
      bestScore = score;
      best = i;
    }
  }
  return best;
}

/** The same from a match backwards, not before `from`. */
function extendBackward(old: Buffer, oldAt: number, target: Buffer, at: number, from: number): number {
  const most = Math.min(at - from, oldAt);
  let score = 0;
  let bestScore = 0;
  let best = 0;
  for (let i = 1; i <= most; i++) {
    score += old[oldAt - i] === target[at - i] ? 1 : -1;
    if (score > bestScore) {
      bestScore = score;
      best = i;
    }
  }
  return best;
}

/** How many of the bytes that both neighbours claim the first should get. */
function bestSplit(
  old: Buffer,
  firstAt: number,
  secondAt: number,
  target: Buffer,
  at: number,
  overlap: number,
): number {
  let score = 0;
  let bestScore = 0;
  let best = 0;
  for (let i = 0; i < overlap; i++) {
    const byte = target[at + i];
    if (old[firstAt + i] === byte) score++;
    if (old[secondAt + i] === byte) score--;
    if (score > bestScore) {
      bestScore = score;
      best = i + 1;
    }
  }
  return best;
}
