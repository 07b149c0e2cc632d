import type { RandomAccess } from '../core/random-access.js';
import { readExactly } from './read-exactly.js';

export const OLD_PAGE_BYTES = 64 * 1024;
const PAGES_HELD = 48;

/** What the pages take at most, bytes. */
export const OLD_IMAGE_BUFFER_BYTES = PAGES_HELD * OLD_PAGE_BYTES;

/**
 * The old image, read by position through the pages used last: 3 MiB whatever
 * the size of the image. Patches walk the old image mostly forward and jump
 * back to near places, so few pages are read twice.
 */
export class OldImage {
  readonly size: number;
  readonly #source: RandomAccess;
  /** By page number, the one used longest ago first. */
  readonly #pages = new Map<number, Uint8Array<ArrayBuffer>>();

  constructor(source: RandomAccess) {
    this.#source = source;
    this.size = source.size;
  }

  /**
   * @param position inside the image
   * @returns the page around it, in which it lies at `position % OLD_PAGE_BYTES`, or undefined when
   *   {@link loadPage} must bring it first
   */
  heldPage(position: number): Uint8Array | undefined {
    const number = Math.floor(position / OLD_PAGE_BYTES);
    const page = this.#pages.get(number);
    if (page === undefined) return undefined;
    this.#pages.delete(number);
    this.#pages.set(number, page);
    return page;
  }

  /** Reads the page around `position` and returns what {@link heldPage} then would. */
  async loadPage(position: number): Promise<Uint8Array> {
    const number = Math.floor(position / OLD_PAGE_BYTES);
    const size = Math.min(OLD_PAGE_BYTES, this.size - number * OLD_PAGE_BYTES);
    const page = new Uint8Array(this.#spareBuffer(), 0, size);
    await readExactly(this.#source, page, number * OLD_PAGE_BYTES);
    this.#pages.set(number, page);
    return page;
  }

  #spareBuffer(): ArrayBuffer {
    const [oldest] = this.#pages;
    if (oldest === undefined || this.#pages.size < PAGES_HELD) {
      return new ArrayBuffer(Math.min(OLD_PAGE_BYTES, this.size));
    }
    this.#pages.delete(oldest[0]);
    return oldest[1].buffer;
  }
}
