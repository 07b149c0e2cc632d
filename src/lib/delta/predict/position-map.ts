import type { Covers } from '../match/covers.js';

/** The index has an entry for each so many bytes of the old image at the finest. */
const FINEST_STEP_BITS = 8;
const INDEX_ENTRIES = 1 << 17;

/**
 * Where the bytes of the old image went in the new one.
 *
 * A place that several covers claim belongs to the longest, of equal ones to the first in the new
 * image; a place that none claims moves with the nearest. So the old image falls into intervals that
 * move as one.
 */
export class PositionMap {
  /** First byte of each interval, ascending. */
  readonly #starts: Int32Array;
  /** How far each interval moves. */
  readonly #shifts: Int32Array;
  readonly #stepBits: number;
  /** For each step, the interval in which it begins. */
  readonly #index: Int32Array;

  constructor(covers: Covers) {
    const { starts, shifts, count } = flatten(covers);
    this.#starts = starts.slice(0, count);
    this.#shifts = shifts.slice(0, count);
    const end = count === 0 ? 0 : this.#starts[count - 1]!;
    let stepBits = FINEST_STEP_BITS;
    while (end >>> stepBits >= INDEX_ENTRIES) stepBits++;
    this.#stepBits = stepBits;
    this.#index = new Int32Array((end >>> stepBits) + 2);
    let interval = 0;
    for (let step = 0; step < this.#index.length; step++) {
      while (interval + 1 < count && this.#starts[interval + 1]! <= step * 2 ** stepBits) interval++;
      this.#index[step] = interval;
    }
  }

  /** @returns the new place of an old one, at 0 or later; it may lie outside the new image. */
  newPlace(oldAt: number): number {
    const starts = this.#starts;
    if (starts.length === 0) return oldAt;
    const step = Math.min(oldAt >>> this.#stepBits, this.#index.length - 2);
    let low = this.#index[step]!;
    let high = oldAt >>> this.#stepBits > step ? starts.length - 1 : this.#index[step + 1]!;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle]! <= oldAt) low = middle;
      else high = middle - 1;
    }
    return oldAt + this.#shifts[low]!;
  }
}

interface Intervals {
  starts: Int32Array;
  shifts: Int32Array;
  count: number;
}

/** Sweeps over the old image with the covers that reach the present place in a heap, the longest on top. */
function flatten(covers: Covers): Intervals {
  const { oldAt, newAt, length } = covers;
  const order = new Int32Array(covers.count);
  for (let i = 0; i < order.length; i++) order[i] = i;
  order.sort((a, b) => oldAt[a]! - oldAt[b]! || a - b);
  // each cover begins one interval and ends one, and a gap between two adds two
  const most = order.length * 4 + 1;
  const found = { starts: new Int32Array(most), shifts: new Int32Array(most), count: 0 };
  const heap = new CoverHeap(covers);
  let previousEnd = 0;
  let at = 0;
  for (let next = 0; next < order.length || heap.size > 0; ) {
    while (heap.size > 0 && oldAt[heap.top]! + length[heap.top]! <= at) heap.pop();
    const isGap = heap.size === 0;
    if (isGap) {
      if (next === order.length) break;
      at = oldAt[order[next]!]!;
    }
    while (next < order.length && oldAt[order[next]!]! <= at) heap.push(order[next++]!);
    const cover = heap.top;
    if (isGap) addGap(found, previousEnd, at, newAt[cover]! - oldAt[cover]!);
    add(found, at, newAt[cover]! - oldAt[cover]!);
    const coverEnd = oldAt[cover]! + length[cover]!;
    at = next < order.length ? Math.min(coverEnd, oldAt[order[next]!]!) : coverEnd;
    previousEnd = at;
  }
  if (found.count > 0) add(found, previousEnd, found.shifts[found.count - 1]!);
  return found;
}

/** The first half of a gap moves with what lies before it, the second with what follows. */
function addGap(found: Intervals, from: number, to: number, shiftAfter: number): void {
  if (from === to) return;
  const middle = found.count === 0 ? from : from + Math.floor((to - from) / 2);
  if (found.count > 0) add(found, from, found.shifts[found.count - 1]!);
  if (middle < to) add(found, middle, shiftAfter);
}

function add(found: Intervals, start: number, shift: number): void {
  if (found.count > 0 && found.shifts[found.count - 1] === shift) return;
  found.starts[found.count] = start;
  found.shifts[found.count++] = shift;
}

/** A binary heap of covers with the longest on top. */
class CoverHeap {
  size = 0;
  readonly #covers: Covers;
  readonly #items: Int32Array;

  constructor(covers: Covers) {
    this.#covers = covers;
    this.#items = new Int32Array(covers.count);
  }

  get top(): number {
    return this.#items[0]!;
  }

  push(cover: number): void {
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#above(cover, this.#items[parent]!)) break;
      this.#items[at] = this.#items[parent]!;
      at = parent;
    }
    this.#items[at] = cover;
  }

  pop(): void {
    const cover = this.#items[--this.size]!;
    let at = 0;
    for (let child = 1; child < this.size; child = at * 2 + 1) {
      if (child + 1 < this.size && this.#above(this.#items[child + 1]!, this.#items[child]!)) child++;
      if (!this.#above(this.#items[child]!, cover)) break;
      this.#items[at] = this.#items[child]!;
      at = child;
    }
    this.#items[at] = cover;
  }

  #above(a: number, b: number): boolean {
    const longer = this.#covers.length[a]! - this.#covers.length[b]!;
    return longer > 0 || (longer === 0 && a < b);
  }
}
