import { OtaError } from '../../core/errors.js';
import { seedIndexBytes } from './seed-index.js';

/** How the closer look is taken within the memory that there is. */
export interface MatchPlan {
  /** Every how-manieth position of the old image is indexed. */
  readonly step: number;
  /** Bytes of the old image that are held at once, */
  readonly oldBytes: number;
  /** and of the new one. */
  readonly targetBytes: number;
}

/** Taken by the windows of images in files, the segments and what covers are chosen from, bytes. */
export const WORKING_BYTES = 32 * 1024 * 1024;
const LEAST_BYTES = 8 * 1024 * 1024;
const SPARSEST_STEP = 16;
/** What a matcher of unlimited memory is given: six times the old image, but not more than this and the working memory. */
const OLD_IMAGES = 6;
const MOST_BYTES = 160 * 1024 * 1024;

/** What is used unless something else is said, bytes. */
export function usualMemoryBytes(oldSize: number): number {
  return WORKING_BYTES + Math.min(MOST_BYTES, Math.max(LEAST_BYTES, OLD_IMAGES * oldSize));
}

/** The least that the matcher can do with, bytes. */
export function leastMatchBytes(oldBytes: number, targetBytes: number): number {
  return WORKING_BYTES + Math.min(LEAST_BYTES, oldBytes + targetBytes);
}

/**
 * Plans the closer look: with an index as dense as there is memory for; when even a sparse one does
 * not fit, by parts of the new image, each against the part of the old one where it is expected.
 *
 * @param oldBytes    of the old image that are worth it
 * @param targetBytes of the new one
 * @throws OtaError LIMIT_EXCEEDED when there is not even memory for that
 */
export function matchPlan(oldBytes: number, targetBytes: number, memoryBytes: number): MatchPlan {
  const room = memoryBytes - WORKING_BYTES;
  if (memoryBytes < leastMatchBytes(oldBytes, targetBytes)) {
    throw new OtaError(
      'LIMIT_EXCEEDED',
      `matching may use ${memoryBytes} bytes of memory, it needs ${leastMatchBytes(oldBytes, targetBytes)} at least`,
      ['Allow more with --max-memory, or pack a full image with --full.'],
    );
  }
  for (let step = suitableStep(oldBytes); step <= SPARSEST_STEP; step *= 2) {
    if (oldBytes + targetBytes + seedIndexBytes(oldBytes, step) <= room) return { step, oldBytes, targetBytes };
  }
  return {
    step: SPARSEST_STEP,
    oldBytes: Math.min(oldBytes, Math.floor(room / 2)),
    targetBytes: Math.min(targetBytes, Math.floor(room / 8)),
  };
}

/** In large images every fourth position is enough: instructions and table entries are aligned, and long matches abound. */
function suitableStep(oldBytes: number): number {
  if (oldBytes <= 1024 * 1024) return 1;
  return oldBytes <= 16 * 1024 * 1024 ? 2 : 4;
}
