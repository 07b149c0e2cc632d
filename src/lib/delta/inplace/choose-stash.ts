import { NO_RANGES, type OldRanges, rangesOf } from './old-ranges.js';

/**
 * Chooses which of the old bytes that are read too late to save before anything is overwritten. Those
 * that most covers want are saved first, of equal ones the longest stretches.
 *
 * @param late  stretches that are read too late, in any order; one that several covers read comes several times
 * @param bytes what can be saved
 */
export function chooseStash(late: readonly { oldAt: number; length: number }[], bytes: number): OldRanges {
  if (late.length === 0 || bytes <= 0) return NO_RANGES;
  const candidates = byReaders(late).sort((a, b) => b.readers - a.readers || b.length - a.length || a.oldAt - b.oldAt);
  const chosen: { oldAt: number; length: number }[] = [];
  let left = bytes;
  for (const { oldAt, length } of candidates) {
    if (left === 0) break;
    const taken = Math.min(length, left);
    chosen.push({ oldAt, length: taken });
    left -= taken;
  }
  return rangesOf(joined(chosen.sort((a, b) => a.oldAt - b.oldAt)));
}

/** Cuts overlapping stretches into pieces that each have one number of readers. */
function byReaders(
  late: readonly { oldAt: number; length: number }[],
): { oldAt: number; length: number; readers: number }[] {
  const borders = late
    .flatMap(({ oldAt, length }) => [
      { at: oldAt, step: 1 },
      { at: oldAt + length, step: -1 },
    ])
    .sort((a, b) => a.at - b.at);
  const pieces: { oldAt: number; length: number; readers: number }[] = [];
  let readers = 0;
  let from = 0;
  for (let i = 0; i < borders.length; ) {
    const { at } = borders[i]!;
    let change = 0;
    for (; i < borders.length && borders[i]!.at === at; i++) change += borders[i]!.step;
    if (change === 0) continue; // one ends where another begins
    if (readers > 0) pieces.push({ oldAt: from, length: at - from, readers });
    readers += change;
    from = at;
  }
  return pieces;
}

function joined(ascending: readonly { oldAt: number; length: number }[]): { oldAt: number; length: number }[] {
  const ranges: { oldAt: number; length: number }[] = [];
  for (const { oldAt, length } of ascending) {
    const last = ranges.at(-1);
    if (last !== undefined && last.oldAt + last.length === oldAt) last.length += length;
    else ranges.push({ oldAt, length });
  }
  return ranges;
}
