import { type ImageBytes, MAX_VIEW_BYTES } from '../image/image-bytes.js';
import { releaseBytes } from '../release-bytes.js';

/** Bytes on either side that decide how a byte is masked. */
const CONTEXT_BYTES = 64;
/** Bytes that are masked at once. */
const COPY_BYTES = MAX_VIEW_BYTES;

/** Masks, in a copy of a piece of an image, the fields whose values change when code only moves. */
export type Normalise = (bytes: Uint8Array, fileAt: number) => void;

/** First byte, and one beyond the last. */
type Range = readonly [number, number];

/**
 * Parts of an image laid end to end: those that are worth a closer look.
 *
 * A place is counted in what is laid end to end.
 */
export class Pieces {
  /** Bytes of all pieces. */
  readonly size: number;
  readonly #ranges: readonly Range[];
  readonly #starts: readonly number[];
  readonly #places: readonly number[];

  /** @param ranges ascending, neither empty nor overlapping */
  constructor(ranges: readonly Range[]) {
    let size = 0;
    this.#ranges = ranges;
    this.#starts = ranges.map(([from]) => from);
    this.#places = ranges.map(([from, to]) => {
      size += to - from;
      return size - (to - from);
    });
    this.size = size;
  }

  /** Where a place is in the image, and how many bytes of its piece are left from there. */
  partFrom(place: number): { imageAt: number; length: number } {
    const piece = lastNotAbove(this.#places, place);
    const imageAt = this.#starts[piece]! + place - this.#places[piece]!;
    return { imageAt, length: this.#ranges[piece]![1] - imageAt };
  }

  /** The place of a byte of the image, or undefined when no piece has it. */
  placeOf(imageAt: number): number | undefined {
    const place = this.placeNear(imageAt);
    return this.size > 0 && place < this.size && this.partFrom(place).imageAt === imageAt ? place : undefined;
  }

  /** The place of a byte of the image, or of the end of the last piece before it. */
  placeNear(imageAt: number): number {
    const piece = lastNotAbove(this.#starts, imageAt);
    if (piece < 0) return 0;
    const [from, to] = this.#ranges[piece]!;
    return this.#places[piece]! + Math.min(imageAt, to) - from;
  }

  /** What lies at the places [from, to). */
  part(from: number, to: number): Pieces {
    const ranges: Range[] = [];
    for (let place = from; place < to; ) {
      const { imageAt, length } = this.partFrom(place);
      const taken = Math.min(length, to - place);
      ranges.push([imageAt, imageAt + taken]);
      place += taken;
    }
    return new Pieces(ranges);
  }

  /** `size` bytes around a place, as far as there are so many. */
  partAround(place: number, size: number): Pieces {
    const from = Math.max(0, Math.min(Math.floor(place - size / 2), this.size - size));
    return this.part(from, Math.min(from + size, this.size));
  }

  /** The bytes of all pieces. */
  collect(image: ImageBytes, normalise: Normalise | undefined): Buffer {
    const bytes = Buffer.allocUnsafeSlow(this.size);
    // one copy for all pieces
    const scratch = Buffer.allocUnsafeSlow(normalise === undefined ? 0 : Math.min(image.size, COPY_BYTES));
    const most = COPY_BYTES - 2 * CONTEXT_BYTES;
    let place = 0;
    for (const [start, end] of this.#ranges) {
      for (let from = start; from < end; from += most) {
        const length = Math.min(most, end - from);
        bytes.set(
          normalise === undefined ? image.view(from, length) : masked(image, from, length, normalise, scratch),
          place,
        );
        place += length;
      }
    }
    releaseBytes(scratch);
    return bytes;
  }
}

function masked(
  image: ImageBytes,
  from: number,
  length: number,
  normalise: Normalise,
  scratch: Uint8Array,
): Uint8Array {
  const before = Math.min(from, CONTEXT_BYTES);
  const after = Math.min(image.size - from - length, CONTEXT_BYTES);
  const copy = scratch.subarray(0, before + length + after);
  copy.set(image.view(from - before, before + length + after));
  normalise(copy, from - before);
  return copy.subarray(before, before + length);
}

/** What an image of some size has outside of ranges. @param ranges in any order; they may overlap */
export function outside(size: number, ranges: readonly Range[]): Pieces {
  const gaps: Range[] = [];
  let end = 0;
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    if (from > end) gaps.push([end, from]);
    end = Math.max(end, to);
  }
  if (end < size) gaps.push([end, size]);
  return new Pieces(gaps);
}

/** The last of ascending numbers that is not above another; −1 when all are. */
function lastNotAbove(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
