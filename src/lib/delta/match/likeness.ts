import type { Content } from './content.js';

/** Entries of tables of addresses (pointers, ELF relocations) are at most this long, bytes. */
export const TABLE_ENTRY_BYTES = 24;
/** An extension ends where this many more bytes differ than agree since its best end. */
const DROP = 48;

/**
 * Whether a byte differs by as much as the one 4, 8, 16 or 24 bytes before it on the same diagonal,
 * as in tables of addresses of which all have moved alike. Such differences cost little.
 *
 * @param oldAt and `targetAt`: at least {@link TABLE_ENTRY_BYTES}
 */
export function differsAsBefore(
  old: Uint8Array,
  oldAt: number,
  target: Uint8Array,
  targetAt: number,
  difference: number,
): boolean {
  return (
    ((target[targetAt - 8]! - old[oldAt - 8]!) & 255) === difference ||
    ((target[targetAt - 24]! - old[oldAt - 24]!) & 255) === difference ||
    ((target[targetAt - 4]! - old[oldAt - 4]!) & 255) === difference ||
    ((target[targetAt - 16]! - old[oldAt - 16]!) & 255) === difference
  );
}

/** Where a diagonal fits best: how far to go, and how many more bytes agree than differ up to there. */
export interface Extension {
  length: number;
  score: number;
}

/**
 * How far two places go on being alike: to where the bytes that agree exceed those that differ most.
 *
 * @param most bytes that are looked at
 */
export function extendForward(
  oldContent: Content,
  oldAt: number,
  targetContent: Content,
  at: number,
  most: number,
  result: Extension,
): void {
  const { bytes: old, words: oldWords } = oldContent;
  const { bytes: target, words: targetWords } = targetContent;
  const end = Math.min(most, old.length - oldAt, target.length - at);
  const tablesFrom = Math.max(0, TABLE_ENTRY_BYTES - Math.min(oldAt, at));
  let score = 0;
  result.score = 0;
  result.length = 0;
  for (let i = 0; i < end; i++) {
    if (i + 4 <= end && oldWords.getInt32(oldAt + i, true) === targetWords.getInt32(at + i, true)) {
      score += 4;
      i += 3;
      if (score > result.score) {
        result.score = score;
        result.length = i + 1;
      }
      continue;
    }
    const difference = (target[at + i]! - old[oldAt + i]!) & 255;
    if (difference === 0 || (i >= tablesFrom && differsAsBefore(old, oldAt + i, target, at + i, difference))) {
      if (++score > result.score) {
        result.score = score;
        result.length = i + 1;
      }
    } else if (--score < result.score - DROP) return;
  }
}

/** The same backwards: from the bytes before both places. */
export function extendBack(
  oldContent: Content,
  oldAt: number,
  targetContent: Content,
  at: number,
  most: number,
  result: Extension,
): void {
  const { bytes: old, words: oldWords } = oldContent;
  const { bytes: target, words: targetWords } = targetContent;
  const end = Math.min(most, oldAt, at);
  const tablesTo = Math.min(oldAt, at) - TABLE_ENTRY_BYTES;
  let score = 0;
  result.score = 0;
  result.length = 0;
  for (let i = 1; i <= end; i++) {
    if (i + 3 <= end && oldWords.getInt32(oldAt - i - 3, true) === targetWords.getInt32(at - i - 3, true)) {
      score += 4;
      i += 3;
      if (score > result.score) {
        result.score = score;
        result.length = i;
      }
      continue;
    }
    const difference = (target[at - i]! - old[oldAt - i]!) & 255;
    if (difference === 0 || (i <= tablesTo && differsAsBefore(old, oldAt - i, target, at - i, difference))) {
      if (++score > result.score) {
        result.score = score;
        result.length = i;
      }
    } else if (--score < result.score - DROP) return;
  }
}

/** How many more of the bytes target[from … to) agree than differ on a diagonal that lies inside both images there. */
export function agreement(
  oldContent: Content,
  diagonal: number,
  targetContent: Content,
  from: number,
  to: number,
): number {
  const { bytes: old, words: oldWords } = oldContent;
  const { bytes: target, words: targetWords } = targetContent;
  let score = 0;
  for (let i = from; i < to; i++) {
    if (i + 4 <= to && oldWords.getInt32(i + diagonal, true) === targetWords.getInt32(i, true)) {
      score += 4;
      i += 3;
      continue;
    }
    const difference = (target[i]! - old[i + diagonal]!) & 255;
    const inTable = i >= TABLE_ENTRY_BYTES && i + diagonal >= TABLE_ENTRY_BYTES;
    if (difference === 0 || (inTable && differsAsBefore(old, i + diagonal, target, i, difference))) score++;
    else score--;
  }
  return score;
}
