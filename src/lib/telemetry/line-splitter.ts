const LINE_FEED = 0x0a;

/** Whole lines that were cut out of a stream of bytes. */
export interface WholeLines {
  /** Each ended by a line feed; in a buffer of their own. */
  readonly bytes: Uint8Array;
  /** Number of the first one, from 1. */
  readonly firstLine: number;
}

/**
 * Cuts a stream of bytes into whole lines, and counts them.
 *
 * Memory is bounded by the longest line that is accepted: of a longer one the first `maxLineBytes` + 1 bytes
 * go on, enough to be refused for its length.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  /** Beginning of the line that has not ended yet: at most maxLineBytes + 1 bytes of it. */
  #open: Uint8Array[] = [];
  #openKept = 0;
  #openBytes = 0;
  #bytes: number;
  #lines: number;

  /** @param start where the stream begins: bytes and lines before it */
  constructor(maxLineBytes: number, start: { readonly bytes: number; readonly lines: number }) {
    this.#maxLineBytes = maxLineBytes;
    this.#bytes = start.bytes;
    this.#lines = start.lines;
  }

  /** Bytes before the line that has not ended yet: where whole lines end. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Lines that ended. */
  get lines(): number {
    return this.#lines;
  }

  /** Bytes of the line that has not ended yet. */
  get openBytes(): number {
    return this.#openBytes;
  }

  /** Takes the next bytes, which may be reused afterwards; returns the lines that they complete. */
  push(block: Uint8Array): WholeLines | undefined {
    const end = block.lastIndexOf(LINE_FEED) + 1;
    if (end === 0) {
      this.#keep(block);
      return undefined;
    }
    // Where the beginning of a line is not kept any more, the rest of it is left out, too.
    const from = this.#openKept < this.#openBytes ? block.indexOf(LINE_FEED) : 0;
    const bytes = new Uint8Array(this.#openKept + end - from);
    this.#copyOpen(bytes);
    bytes.set(block.subarray(from, end), this.#openKept);
    const lines = { bytes, firstLine: this.#lines + 1 };
    this.#lines += countLines(block, end);
    this.#bytes += this.#openBytes + end;
    this.#open = [];
    this.#openKept = 0;
    this.#openBytes = 0;
    this.#keep(block.subarray(end));
    return lines;
  }

  /** The line that has not ended yet, with a line feed that it does not have. It is not counted. */
  open(): WholeLines | undefined {
    if (this.#openBytes === 0) return undefined;
    const bytes = new Uint8Array(this.#openKept + 1);
    this.#copyOpen(bytes);
    bytes[this.#openKept] = LINE_FEED;
    return { bytes, firstLine: this.#lines + 1 };
  }

  #keep(part: Uint8Array): void {
    this.#openBytes += part.length;
    const kept = new Uint8Array(part.subarray(0, this.#maxLineBytes + 1 - this.#openKept)); // a copy
    if (kept.length === 0) return;
    this.#open.push(kept);
    this.#openKept += kept.length;
  }

  #copyOpen(into: Uint8Array): void {
    let at = 0;
    for (const part of this.#open) {
      into.set(part, at);
      at += part.length;
    }
  }
}

function countLines(block: Uint8Array, end: number): number {
  let lines = 0;
  for (let at = block.indexOf(LINE_FEED); at !== -1 && at < end; at = block.indexOf(LINE_FEED, at + 1)) lines++;
  return lines;
}
