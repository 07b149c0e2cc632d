import type { RandomAccess } from '../core/random-access.js';
import { readExactly } from './read-exactly.js';

const PAGE_BYTES = 128 * 1024;
const PAGES_HELD = 96;

/** What the pages take at most, bytes. */
export const OLD_IMAGE_BUFFER_BYTES = PAGES_HELD * PAGE_BYTES;

/**
 * The old image, read by position through the pages used last: 12 MiB whatever
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
   * @returns the bytes from there to the end of its page, or undefined when {@link load} must bring it first
   */
  held(position: number): Uint8Array | undefined {
    const number = Math.floor(position / PAGE_BYTES);
    const page = this.#pages.get(number);
    if (page === undefined) return undefined;
    this.#pages.delete(number);
    this.#pages.set(number, page);
    return page.subarray(position % PAGE_BYTES);
  }

  /** Reads the page around `position` and returns what {@link held} then would. */
  async load(position: number): Promise<Uint8Array> {
    const number = Math.floor(position / PAGE_BYTES);
    const size = Math.min(PAGE_BYTES, this.size - number * PAGE_BYTES);
    const page = new Uint8Array(this.#spareBuffer(), 0, size);
    await readExactly(this.#source, page, number * PAGE_BYTES);
    this.#pages.set(number, page);
    return page.subarray(position % PAGE_BYTES);
  }

  #spareBuffer(): ArrayBuffer {
    const [oldest] = this.#pages;
    if (oldest === undefined || this.#pages.size < PAGES_HELD) return new ArrayBuffer(Math.min(PAGE_BYTES, this.size));
    this.#pages.delete(oldest[0]);
    return oldest[1].buffer;
  }
}
