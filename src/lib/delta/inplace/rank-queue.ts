/** A heap of numbers 0 to n − 1 by rank, the highest first, of equal ones the lowest number. */
export class RankQueue {
  readonly #rank: Float64Array;
  readonly #heap: Int32Array;
  /** Where a number lies in the heap, or −1. */
  readonly #at: Int32Array;
  #size = 0;

  constructor(count: number) {
    this.#rank = new Float64Array(count);
    this.#heap = new Int32Array(count);
    this.#at = new Int32Array(count).fill(-1);
  }

  has(item: number): boolean {
    return this.#at[item]! >= 0;
  }

  set(item: number, rank: number): void {
    this.#rank[item] = rank;
    if (!this.has(item)) {
      this.#heap[this.#size] = item;
      this.#at[item] = this.#size++;
    }
    this.#rise(item);
    this.#sink(item);
  }

  take(): number | undefined {
    if (this.#size === 0) return undefined;
    const first = this.#heap[0]!;
    const last = this.#heap[--this.#size]!;
    this.#at[first] = -1;
    if (last !== first) {
      this.#put(last, 0);
      this.#sink(last);
    }
    return first;
  }

  #rise(item: number): void {
    for (let at = this.#at[item]!; at > 0; ) {
      const parent = (at - 1) >> 1;
      const above = this.#heap[parent]!;
      if (!this.#precedes(item, above)) return;
      this.#put(above, at);
      this.#put(item, parent);
      at = parent;
    }
  }

  #sink(item: number): void {
    for (let at = this.#at[item]!; ; ) {
      let child = 2 * at + 1;
      if (child >= this.#size) return;
      if (child + 1 < this.#size && this.#precedes(this.#heap[child + 1]!, this.#heap[child]!)) child++;
      const below = this.#heap[child]!;
      if (!this.#precedes(below, item)) return;
      this.#put(below, at);
      this.#put(item, child);
      at = child;
    }
  }

  #precedes(a: number, b: number): boolean {
    const difference = this.#rank[a]! - this.#rank[b]!;
    return difference > 0 || (this.#rank[a] === this.#rank[b] && a < b);
  }

  #put(item: number, at: number): void {
    this.#heap[at] = item;
    this.#at[item] = at;
  }
}
