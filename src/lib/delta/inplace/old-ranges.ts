/** Stretches of the old image, ascending, not overlapping, none empty. */
export interface OldRanges {
  readonly count: number;
  readonly oldAt: Int32Array;
  /** Bytes. */
  readonly length: Int32Array;
}

export const NO_RANGES: OldRanges = { count: 0, oldAt: new Int32Array(0), length: new Int32Array(0) };

export function rangesOf(pairs: readonly { oldAt: number; length: number }[]): OldRanges {
  return {
    count: pairs.length,
    oldAt: Int32Array.from(pairs, (pair) => pair.oldAt),
    length: Int32Array.from(pairs, (pair) => pair.length),
  };
}

export function totalBytes({ count, length }: OldRanges): number {
  let bytes = 0;
  for (let i = 0; i < count; i++) bytes += length[i]!;
  return bytes;
}

/** Number of the first range that ends behind `position`. */
export function firstRangeFrom({ count, oldAt, length }: OldRanges, position: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (oldAt[middle]! + length[middle]! > position) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The stretches of `oldAt` to `oldAt + length` in order, each either wholly inside one range or outside all. */
export function* partsOf(
  ranges: OldRanges,
  oldAt: number,
  length: number,
): Generator<{ oldAt: number; length: number; range: number | undefined }> {
  const end = oldAt + length;
  let at = oldAt;
  for (let range = firstRangeFrom(ranges, oldAt); at < end; range++) {
    const start = range < ranges.count ? Math.min(end, ranges.oldAt[range]!) : end;
    if (start > at) yield { oldAt: at, length: start - at, range: undefined };
    at = Math.max(at, start);
    if (at >= end) return;
    const stop = Math.min(end, ranges.oldAt[range]! + ranges.length[range]!);
    yield { oldAt: at, length: stop - at, range };
    at = stop;
  }
}
