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

/** An image that is in memory already. */
export function imageInMemory(bytes: Uint8Array): ImageBytes {
  return { size: bytes.length, view: (at, length) => bytes.subarray(at, at + length) };
}

/**
 * An image read from an open file through one window of 4 MiB.
 *
 * @throws Error of the system (`EIO`), and one that says so when the file became shorter
 */
export function imageInFile(descriptor: number, size: number): ImageBytes {
  const window = new Uint8Array(Math.min(size, 4 * MAX_VIEW_BYTES));
  let start = 0;
  let end = 0;
  return {
    size,
    view(at, length) {
      if (at < start || at + length > end) {
        // a quarter of the window stays behind: references and extensions look back
        start = Math.max(0, Math.min(at - MAX_VIEW_BYTES, size - window.length));
        end = start + window.length;
        fill(descriptor, window, start);
      }
      return window.subarray(at - start, at - start + length);
    },
  };
}

function fill(descriptor: number, into: Uint8Array, position: number): void {
  for (let filled = 0; filled < into.length; ) {
    const read = readSync(descriptor, into, filled, into.length - filled, position + filled);
    if (read === 0) throw new Error(`the image ended at byte ${position + filled} while it was read`);
    filled += read;
  }
}
