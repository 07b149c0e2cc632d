/**
 * What is due when: a binary heap, so that a hundred thousand devices need one timer. Things that are due at the same
 * time come in the order in which they were added.
 */
export class DueQueue<T> {
  readonly #heap: { dueMs: number; order: number; item: T }[] = [];
  #added = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** When the next is due; undefined when there is none. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.dueMs;
  }

  add(item: T, dueMs: number): void {
    const heap = this.#heap;
    const entry = { dueMs, order: this.#added++, item };
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  /** Takes the next one out, if it is due by now. */
  take(nowMs: number): { item: T; dueMs: number } | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(entry: { dueMs: number; order: number; item: T }): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, entry)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = entry;
  }
}

function isBefore(a: { dueMs: number; order: number }, b: { dueMs: number; order: number }): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
