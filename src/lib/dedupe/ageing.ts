import { OtaError } from '../core/errors.js';
import type { Generations } from './generations.js';
import type { Segment } from './segment.js';
import { segmentBytes } from './segment-layout.js';
import type { Window } from './store.js';
import { MAX_GENERATIONS, type WindowPlan } from './window-plan.js';

/** The oldest generations without which at least so many keys are left. */
export function beyondKeys({ segments, sealedKeys, active }: Generations, keys: number): Segment[] {
  let left = sealedKeys + active.committed;
  let count = 0;
  while (count < segments.length && left - segments[count]!.keyCount >= keys) left -= segments[count++]!.keyCount;
  return segments.slice(0, count);
}

/** The oldest generations that the window can do without, or has no room for, once the active one is sealed. */
export function beyondWindow(
  generations: Generations,
  window: Window,
  { maxLogBytes }: WindowPlan,
  digestBytes: 0 | 8,
): Segment[] {
  if ('keys' in window) return beyondKeys(generations, window.keys);
  const bytes = generations.diskBytes + segmentBytes(generations.active.committed, digestBytes) + maxLogBytes;
  return generations.segments.slice(0, oldestOf(generations.segments, bytes - window.bytes));
}

/**
 * The oldest generations that have to go before a frame fits into a window of bytes.
 *
 * @throws OtaError LIMIT_EXCEEDED if it does not fit without them either
 */
export function inTheWayOf(frameBytes: number, { segments, diskBytes }: Generations, windowBytes: number): Segment[] {
  const missing = diskBytes + frameBytes - windowBytes;
  const count = oldestOf(segments, missing);
  const sizes = segments.slice(0, count).reduce((sum, { file }) => sum + file.size, 0);
  if (missing <= sizes) return segments.slice(0, count);
  throw new OtaError(
    'LIMIT_EXCEEDED',
    `the window of ${windowBytes} bytes cannot hold a commit of ${frameBytes} bytes`,
    ['Choose a larger window, or commit smaller batches.'],
  );
}

/** Keys of a full generation: more than planned where the window was made larger and many small ones hold tags already. */
export function fullGenerationKeys(
  { segments, sealedKeys }: Generations,
  window: Window,
  { generationKeys }: WindowPlan,
): number {
  const generations = segments.length + 1;
  if (!('keys' in window) || generations < MAX_GENERATIONS / 2) return generationKeys;
  return Math.max(generationKeys, Math.ceil((window.keys - sealedKeys) / Math.max(1, MAX_GENERATIONS - generations)));
}

/** How many of the oldest files have so many bytes together; all of them if they do not. */
function oldestOf(segments: readonly Segment[], bytes: number): number {
  let missing = bytes;
  let count = 0;
  for (; missing > 0 && count < segments.length; count++) missing -= segments[count]!.file.size;
  return count;
}
