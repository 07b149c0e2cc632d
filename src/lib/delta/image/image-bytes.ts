import { readSync } from 'node:fs';

/**
 * An image that is read by position without waiting, for the threads that make patches.
 *
 * Images of a gigabyte are read in windows, so that memory does not depend on their size.
 */
export interface ImageBytes {
  /** Bytes. */
  readonly size: number;
  /**
   * @param at     first byte, inside the image
   * @param length bytes, at most {@link MAX_VIEW_BYTES} and not beyond the end
   * @returns a view that is valid until the next call
   */
  view(at: number, length: number): Uint8Array;
}

/** The longest view of an image, bytes. */
export const MAX_VIEW_BYTES = 1024 * 1024;

/** Long views go through one window of this size, */
const WIDE_BYTES = 4 * MAX_VIEW_BYTES;
/** short ones through many small windows: matches are followed at several places in turn. */
const NARROW_BYTES = 128 * 1024;
const NARROW_COUNT = 16;
const MAX_NARROW_VIEW_BYTES = NARROW_BYTES / 4;

/** An image that is in memory already. */
export function imageInMemory(bytes: Uint8Array): ImageBytes {
  return { size: bytes.length, view: (at, length) => bytes.subarray(at, at + length) };
}

/**
 * An image read from an open file through windows of 6 MiB in all.
 *
 * @throws Error of the system (`EIO`), and one that says so when the file became shorter
 */
export function imageInFile(descriptor: number, size: number): ImageBytes {
  const wide = new FileWindow(descriptor, size, WIDE_BYTES);
  /** The one that was used last comes first. */
  const narrow: FileWindow[] = [];
  return {
    size,
    view(at, length) {
      if (length > MAX_NARROW_VIEW_BYTES || wide.has(at, length)) return wide.view(at, length);
      let index = narrow.findIndex((window) => window.has(at, length));
      if (index < 0) {
        if (narrow.length < NARROW_COUNT) narrow.push(new FileWindow(descriptor, size, NARROW_BYTES));
        index = narrow.length - 1;
      }
      const window = narrow[index]!;
      for (; index > 0; index--) narrow[index] = narrow[index - 1]!;
      narrow[0] = window;
      return window.view(at, length);
    },
  };
}

class FileWindow {
  readonly #descriptor: number;
  readonly #size: number;
  readonly #bytes: Uint8Array;
  #start = 0;
  #end = 0;

  constructor(descriptor: number, size: number, windowBytes: number) {
    this.#descriptor = descriptor;
    this.#size = size;
    this.#bytes = new Uint8Array(Math.min(size, windowBytes));
  }

  has(at: number, length: number): boolean {
    return at >= this.#start && at + length <= this.#end;
  }

  view(at: number, length: number): Uint8Array {
    if (!this.has(at, length)) {
      // a quarter of the window stays behind: references and extensions look back
      const behind = this.#bytes.length >>> 2;
      this.#start = Math.max(0, Math.min(at - behind, this.#size - this.#bytes.length));
      this.#end = this.#start + this.#bytes.length;
      fill(this.#descriptor, this.#bytes, this.#start);
    }
    return this.#bytes.subarray(at - this.#start, at - this.#start + length);
  }
}

function fill(descriptor: number, into: Uint8Array, position: number): void {
  for (let filled = 0; filled < into.length; ) {
    const read = readSync(descriptor, into, filled, into.length - filled, position + filled);
    if (read === 0) throw new Error(`the image ended at byte ${position + filled} while it was read`);
    filled += read;
  }
}
