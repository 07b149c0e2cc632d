import type { RandomAccess } from '../core/random-access.js';
import { readExactly } from './read-exactly.js';

type Page = Uint8Array<ArrayBuffer>;

export const OLD_PAGE_BYTES = 128 * 1024;
const PAGES_HELD = 96;

/** What the pages take at most, bytes. */
export const OLD_IMAGE_BUFFER_BYTES = PAGES_HELD * OLD_PAGE_BYTES;

/**
 * The old image, read by position through the pages used last: 12 MiB whatever
 * the size of the image. Patches walk the old image mostly forward and jump
 * back to near places, so few pages are read twice, and the page after one
 * that had to be read is brought while that one is used.
 */
export class OldImage implements AsyncDisposable {
  readonly size: number;
  readonly #source: RandomAccess;
  /** By page number, the one used longest ago first. */
  readonly #pages = new Map<number, Page>();
  #ahead: { number: number; page: Promise<Page | undefined> } | undefined;

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
    const ahead = this.#ahead?.number === number ? await this.#ahead.page : undefined;
    const page = ahead ?? (await this.#read(number));
    this.#pages.set(number, page);
    await this.#ahead?.page;
    this.#ahead = undefined;
    const next = number + 1;
    if (next * OLD_PAGE_BYTES < this.size && !this.#pages.has(next)) {
      // a failure is met again, and reported, when the page is needed
      this.#ahead = { number: next, page: this.#read(next).catch(() => undefined) };
    }
    return page;
  }

  /** Waits for a read that is still under way, so that the source can be closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ahead?.page;
  }

  async #read(number: number): Promise<Page> {
    const size = Math.min(OLD_PAGE_BYTES, this.size - number * OLD_PAGE_BYTES);
    const page = new Uint8Array(this.#spareBuffer(), 0, size);
    await readExactly(this.#source, page, number * OLD_PAGE_BYTES);
    return page;
  }

  #spareBuffer(): ArrayBuffer {
    const [oldest] = this.#pages;
    if (oldest === undefined || this.#pages.size < PAGES_HELD)
      return new ArrayBuffer(Math.min(OLD_PAGE_BYTES, this.size));
    this.#pages.delete(oldest[0]);
    return oldest[1].buffer;
  }
}
