import type { LineChunk } from './line-chunk.js';

/** A chunk that was read, until each of its lines is out once. */
interface Origin {
  missing: number;
  readonly position: LineChunk['position'];
}

/** What the bookkeeping of a line takes, about. */
const ENTRY_BYTES = 128;

interface Held {
  readonly bytes: Uint8Array;
  readonly dueMs: number;
  /** Breaks ties: first in, first out. */
  readonly turn: number;
  /** Missing for a copy: nothing waits for it. */
  readonly origin: Origin | undefined;
}

/** Lines on their way out, in the order in which they are due; with the position up to which each is out once. */
export class HeldLines {
  readonly #maxBytes: number;
  /** A binary heap by due time and turn. */
  readonly #heap: Held[] = [];
  #heldBytes = 0;
  #turn = 0;
  #out: Uint8Array[] = [];
  #lines = 0;
  /** Of chunks that were read, the oldest first. */
  #origins: Origin[] = [];

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#heap.length === 0;
  }

  /** What is added from here on belongs to this chunk. */
  begin({ position }: LineChunk): void {
    this.#origins.push({ missing: 0, position });
  }

  /** Lets everything out that is due. */
  release(nowMs: number): void {
    while (this.#heap.length > 0 && this.#heap[0]!.dueMs <= nowMs) this.#letOut();
  }

  /** Lets a line out, or keeps it until its time has come. */
  add(line: Uint8Array, nowMs: number, delayMs: number): void {
    if (delayMs === 0) this.#push(line);
    else this.#hold(line, nowMs + delayMs, this.#origins.at(-1)!);
  }

  /** Lets a line out another time, then. */
  addCopy(line: Uint8Array, dueMs: number): void {
    this.#hold(line, dueMs, undefined);
  }

  /** Everything that was let out since the last call, and the newest position that all lines before are out of. */
  take(): { bytes: Uint8Array; lines: number; position?: NonNullable<LineChunk['position']> } {
    const taken = { bytes: joined(this.#out), lines: this.#lines };
    [this.#out, this.#lines] = [[], 0];
    const stillOut = this.#origins.findIndex(({ missing }) => missing > 0);
    const done = this.#origins.splice(0, stillOut < 0 ? this.#origins.length : stillOut);
    const position = done.findLast((origin) => origin.position !== undefined)?.position;
    return position === undefined ? taken : { ...taken, position };
  }

  #hold(line: Uint8Array, dueMs: number, origin: Origin | undefined): void {
    if (origin !== undefined) origin.missing++;
    // Bytes of its own, so that a line in a hundred does not keep its whole chunk in memory.
    this.#heap.push({ bytes: line.slice(), dueMs, turn: this.#turn++, origin });
    this.#heldBytes += line.length + ENTRY_BYTES;
    siftUp(this.#heap);
    while (this.#heldBytes > this.#maxBytes) this.#letOut();
  }

  #letOut(): void {
    const held = this.#heap[0]!;
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      siftDown(this.#heap);
    }
    this.#heldBytes -= held.bytes.length + ENTRY_BYTES;
    if (held.origin !== undefined) held.origin.missing--;
    this.#push(held.bytes);
  }

  #push(line: Uint8Array): void {
    this.#lines++;
    const last = this.#out.at(-1);
    // Neighbours in the same chunk become one part again.
    if (last?.buffer === line.buffer && last.byteOffset + last.byteLength === line.byteOffset) {
      this.#out[this.#out.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.length + line.length);
    } else {
      this.#out.push(line);
    }
  }
}

/** In a buffer of its own, which may be transferred: those of Buffer.concat may be shared. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let end = 0;
  for (const part of parts) {
    bytes.set(part, end);
    end += part.length;
  }
  return bytes;
}

function isBefore(one: Held, other: Held): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.turn < other.turn);
}

function siftUp(heap: Held[]): void {
  let at = heap.length - 1;
  const moved = heap[at]!;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(moved, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = moved;
}

function siftDown(heap: Held[]): void {
  let at = 0;
  const moved = heap[0]!;
  while (true) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, moved)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = moved;
}
