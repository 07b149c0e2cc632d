import { releaseBytes } from '../release-bytes.js';

/** Stretches of the new image that resemble the old one on one diagonal: what covers are chosen from. They may overlap. */
export interface Segments {
  readonly count: number;
  /** First byte in the new image, ascending. */
  readonly start: Int32Array;
  /** One beyond the last byte in the new image. */
  readonly end: Int32Array;
  /** Old position minus new position. */
  readonly diagonal: Int32Array;
}

const FIRST_CAPACITY = 1024;
/** Far more than images need; a start and a number fit into 53 bits together. */
const MOST_SEGMENTS = 2 ** 20;

/** Segments that are being found, in any order. */
export class SegmentList implements Segments {
  count = 0;
  start: Int32Array = new Int32Array(FIRST_CAPACITY);
  end: Int32Array = new Int32Array(FIRST_CAPACITY);
  diagonal: Int32Array = new Int32Array(FIRST_CAPACITY);

  /** @returns its number */
  add(start: number, end: number, diagonal: number): number {
    if (this.count === this.start.length) {
      this.start = grown(this.start);
      this.end = grown(this.end);
      this.diagonal = grown(this.diagonal);
    }
    this.start[this.count] = start;
    this.end[this.count] = end;
    this.diagonal[this.count] = diagonal;
    return this.count++;
  }

  get isFull(): boolean {
    return this.count === MOST_SEGMENTS;
  }

  /** Gives their memory back; there are none afterwards. */
  release(): void {
    releaseBytes(this.start, this.end, this.diagonal);
    this.count = 0;
  }

  /** The same segments by where they start, those that start together in the order they were added. */
  sorted(): Segments {
    const { count } = this;
    // both numbers in one double, exact up to 2^53: the engine sorts them without calling back
    const keys = new Float64Array(count);
    for (let i = 0; i < count; i++) keys[i] = this.start[i]! * MOST_SEGMENTS + i;
    keys.sort();
    const sorted = { count, start: new Int32Array(count), end: new Int32Array(count), diagonal: new Int32Array(count) };
    for (let i = 0; i < count; i++) {
      const from = keys[i]! % MOST_SEGMENTS;
      sorted.start[i] = this.start[from]!;
      sorted.end[i] = this.end[from]!;
      sorted.diagonal[i] = this.diagonal[from]!;
    }
    return sorted;
  }
}

function grown(column: Int32Array): Int32Array {
  const larger = new Int32Array(column.length * 2);
  larger.set(column);
  releaseBytes(column);
  return larger;
}
