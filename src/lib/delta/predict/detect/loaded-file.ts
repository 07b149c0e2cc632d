import type { Machine } from '../address-space.js';

/** A run of bytes that is loaded to one run of addresses; as {@link Segment}, without its unit. */
export interface LoadedRange {
  readonly fileAt: number;
  readonly address: number;
  readonly size: number;
}

/** What the headers of an executable say, wherever in an image it lies. */
export interface LoadedFile {
  readonly machine: Machine;
  /** Where its headers and loaded bytes end in the image. */
  readonly endAt: number;
  /** Whether what follows it in a flat image belongs to the same program. */
  readonly isPartOfFlat?: boolean;
  /** The ranges of each unit. */
  readonly units: readonly (readonly LoadedRange[])[];
}

/** From here on stands what is not loaded, but holds addresses of what is, such as a table of symbols: nothing points here. */
export const UNLOADED_ADDRESS = 2 ** 50;

/** Ranges this close to each other in the file and equally far from their addresses are one. */
const MERGED_GAP_BYTES = 64 * 1024;

/** Sorts ranges, joins neighbours that move together, and cuts what overlaps an earlier one. */
export function mergedRanges(ranges: readonly LoadedRange[]): LoadedRange[] {
  const merged: LoadedRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.fileAt - b.fileAt || b.size - a.size)) {
    const last = merged.at(-1);
    const lastEnd = last === undefined ? 0 : last.fileAt + last.size;
    const end = range.fileAt + range.size;
    if (end <= lastEnd) continue;
    if (
      last !== undefined &&
      last.address - last.fileAt === range.address - range.fileAt &&
      range.fileAt - lastEnd <= MERGED_GAP_BYTES
    ) {
      merged[merged.length - 1] = { ...last, size: end - last.fileAt };
      continue;
    }
    const cut = Math.max(0, lastEnd - range.fileAt);
    merged.push({ fileAt: range.fileAt + cut, address: range.address + cut, size: range.size - cut });
  }
  return merged;
}

/** Cuts the range in which `fileAt` lies, so that one begins there. */
export function cutRanges(ranges: readonly LoadedRange[], fileAt: number): LoadedRange[] {
  return ranges.flatMap((range) => {
    const before = fileAt - range.fileAt;
    if (!(before > 0 && before < range.size)) return range;
    return [
      { ...range, size: before },
      { fileAt, address: range.address + before, size: range.size - before },
    ];
  });
}
