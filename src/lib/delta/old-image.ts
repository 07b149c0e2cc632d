import type { RandomAccess } from '../core/random-access.js';
import { readExactly, readExactlySync } from './read-exactly.js';

export const OLD_PAGE_BYTES = 16 * 1024;
const PAGES_HELD = 192;

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
  #latest: Uint8Array = new Uint8Array(0);
  #latestNumber = -1;
  /** For views across pages. */
  readonly #joined = new Uint8Array(OLD_PAGE_BYTES);

  constructor(source: RandomAccess) {
    this.#source = source;
    this.size = source.size;
  }

  /**
   * @param position first byte
   * @param length   bytes, at most {@link OLD_PAGE_BYTES}, inside the image
   * @returns a view that is valid until the next call; a promise of it only where the source has to be waited for
   */
  view(position: number, length: number): Uint8Array | Promise<Uint8Array> {
    const at = position % OLD_PAGE_BYTES;
    const page = this.#page((position - at) / OLD_PAGE_BYTES);
    if (page instanceof Promise) return page.then(() => this.view(position, length));
    if (at + length <= page.length) return page.subarray(at, at + length);
    const next = this.#page((position - at) / OLD_PAGE_BYTES + 1);
    if (next instanceof Promise) return next.then(() => this.view(position, length));
    this.#joined.set(page.subarray(at));
    this.#joined.set(next.subarray(0, at + length - page.length), page.length - at);
    return this.#joined.subarray(0, length);
  }

  /** Fills `into` from `position`: what is longer than a page goes past the pages. */
  copy(position: number, into: Uint8Array): Promise<void> | undefined {
    if (into.length <= OLD_PAGE_BYTES) {
      const bytes = this.view(position, into.length);
      if (bytes instanceof Promise) return bytes.then((got) => into.set(got));
      into.set(bytes);
      return undefined;
    }
    if (this.#source.readSync === undefined) return readExactly(this.#source, into, position);
    readExactlySync(this.#source, into, position);
    return undefined;
  }

  #page(number: number): Uint8Array | Promise<Uint8Array> {
    if (number === this.#latestNumber) return this.#latest;
    const held = this.#pages.get(number);
    if (held !== undefined) {
      this.#pages.delete(number);
      return this.#keep(number, held);
    }
    const from = number * OLD_PAGE_BYTES;
    const page = new Uint8Array(this.#spareBuffer(), 0, Math.min(OLD_PAGE_BYTES, this.size - from));
    if (this.#source.readSync === undefined) {
      return readExactly(this.#source, page, from).then(() => this.#keep(number, page));
    }
    readExactlySync(this.#source, page, from);
    return this.#keep(number, page);
  }

  #keep(number: number, page: Uint8Array<ArrayBuffer>): Uint8Array {
    this.#pages.set(number, page);
    this.#latestNumber = number;
    this.#latest = page;
    return page;
  }

  /** @returns the buffer of the page that was used longest ago, once there are enough */
  #spareBuffer(): ArrayBuffer {
    const [oldest] = this.#pages;
    if (oldest === undefined || this.#pages.size < PAGES_HELD) {
      return new ArrayBuffer(Math.min(OLD_PAGE_BYTES, this.size));
    }
    this.#pages.delete(oldest[0]);
    return oldest[1].buffer;
  }
}
