import type { Segment } from './address-space.js';

/** Finds segments by place in the image and, within a unit, by address. */
export class AddressLookup {
  readonly #byPlace: readonly Segment[];
  readonly #byUnit = new Map<number, Segment[]>();

  /** @param segments sorted by `fileAt`, not overlapping */
  constructor(segments: readonly Segment[]) {
    this.#byPlace = segments;
    for (const segment of segments) {
      const unit = this.#byUnit.get(segment.unit);
      if (unit === undefined) this.#byUnit.set(segment.unit, [segment]);
      else unit.push(segment);
    }
    for (const unit of this.#byUnit.values()) unit.sort((a, b) => a.address - b.address || a.fileAt - b.fileAt);
  }

  /** @returns the number of the last segment that begins at or before a place; −1 when there is none */
  indexAt(place: number): number {
    let low = 0;
    let high = this.#byPlace.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#byPlace[middle]!.fileAt <= place) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The segment of that number. */
  segment(index: number): Segment | undefined {
    return this.#byPlace[index];
  }

  /** @returns the segments of a unit, sorted by address */
  unit(unit: number): readonly Segment[] {
    return this.#byUnit.get(unit) ?? [];
  }

  /** @returns the address that the image of a unit is loaded to */
  loadAddress(unit: number): number {
    const lowest = this.unit(unit)[0]?.address ?? 0;
    return lowest - (lowest & LOAD_ALIGNMENT_MASK);
  }
}

/** Images are loaded to multiples of 64 KiB at least, also where no segment holds the headers before the code. */
const LOAD_ALIGNMENT_MASK = 0xffff;
