import { hash } from 'node:crypto';

/** A stretch of a file that never changes: a write makes a new one. */
class Page {
  readonly bytes: Uint8Array;
  #digest: Buffer | undefined;
  #id: number | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get digest(): Buffer {
    this.#digest ??= hash('sha256', this.bytes, 'buffer');
    return this.#digest;
  }

  /** The same for equal bytes. */
  get id(): number {
    if (this.#id === undefined) {
      const key = this.digest.toString('latin1');
      this.#id = pageIds.get(key) ?? pageIds.size;
      pageIds.set(key, this.#id);
    }
    return this.#id;
  }
}

const pageIds = new Map<string, number>();

/** What a file holds, in pages that are shared by every version of it: a change costs what it touches. */
export class Content {
  readonly size: number;
  readonly #pageBytes: number;
  /** Each of `#pageBytes`, the last as long as the file reaches. */
  readonly #pages: readonly Page[];
  #digest: string | undefined;

  private constructor(size: number, pageBytes: number, pages: readonly Page[]) {
    this.size = size;
    this.#pageBytes = pageBytes;
    this.#pages = pages;
  }

  static empty(pageBytes: number): Content {
    return new Content(0, pageBytes, []);
  }

  /** Equal for equal bytes; 64 hex digits, not their SHA-256. */
  get digest(): string {
    this.#digest ??= hash('sha256', Buffer.concat(this.#pages.map((page) => page.digest)), 'hex');
    return this.#digest;
  }

  /** The same where a read would give the same; more often different than need be. */
  answerTo(position: number, length: number): string {
    const first = Math.floor(position / this.#pageBytes);
    const last = Math.ceil((position + length) / this.#pageBytes);
    const ids = this.#pages.slice(first, last).map((page) => page.id);
    return `${Math.min(length, this.size - position)} ${ids.join()}`;
  }

  read(into: Uint8Array, position: number): number {
    const end = Math.min(position + into.byteLength, this.size);
    for (let at = position; at < end; ) {
      const { page, start } = this.#pageAt(at);
      const part = page.bytes.subarray(at - start, end - start);
      into.set(part, at - position);
      at += part.byteLength;
    }
    return Math.max(0, end - position);
  }

  /** Its bytes from `position`, fewer than `length` only at its end. */
  slice(position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - position)));
    this.read(bytes, position);
    return bytes;
  }

  /** @param filler what lies between the end of the file and a later position */
  write(position: number, bytes: Uint8Array, filler: number): Content {
    const base = position > this.size ? this.resize(position, filler) : this;
    const size = Math.max(base.size, position + bytes.byteLength);
    const writePart = (page: Uint8Array, start: number) => {
      const from = Math.max(position, start);
      page.set(bytes.subarray(from - position, start + page.byteLength - position), from - start);
    };
    return base.#withPages(position, position + bytes.byteLength, size, writePart, (length, start) =>
      pageOf(bytes.subarray(start - position, start - position + length)),
    );
  }

  fill(position: number, length: number, value: number): Content {
    const base = position > this.size ? this.resize(position, value) : this;
    const end = position + length;
    const size = Math.max(base.size, end);
    const fillPage = (page: Uint8Array, start: number) => {
      page.fill(value, Math.max(position - start, 0), end - start);
    };
    return base.#withPages(position, end, size, fillPage, (bytes) => filledPage(bytes, value));
  }

  resize(size: number, filler: number): Content {
    if (size > this.size) return this.fill(this.size, size - this.size, filler);
    const pages = this.#pages.slice(0, Math.ceil(size / this.#pageBytes));
    const last = pages.at(-1);
    const lastBytes = size - (pages.length - 1) * this.#pageBytes;
    if (last !== undefined && lastBytes < last.bytes.byteLength) {
      pages[pages.length - 1] = new Page(last.bytes.slice(0, lastBytes));
    }
    return new Content(size, this.#pageBytes, pages);
  }

  /** Whether the area holds nothing but `value`; what lies beyond the end does. */
  isFilled(position: number, length: number, value: number): boolean {
    const end = Math.min(position + length, this.size);
    for (let at = position; at < end; ) {
      const { page, start } = this.#pageAt(at);
      const part = page.bytes.subarray(at - start, end - start);
      if (!part.every((byte) => byte === value)) return false;
      at += part.byteLength;
    }
    return true;
  }

  /** Its size without the `value`s at its end. */
  usedBytes(value: number): number {
    let used = this.size;
    while (used > 0) {
      const { page, start } = this.#pageAt(used - 1);
      const last = page.bytes.findLastIndex((byte) => byte !== value);
      if (last >= 0) return start + last + 1;
      used = start;
    }
    return 0;
  }

  #pageAt(position: number): { page: Page; start: number } {
    const index = Math.floor(position / this.#pageBytes);
    return { page: this.#pages[index]!, start: index * this.#pageBytes };
  }

  /**
   * Copies the pages from `from` to `to` and lets `change` write into the copies.
   *
   * @param whole makes a page that is changed from its start to its end
   */
  #withPages(
    from: number,
    to: number,
    size: number,
    change: (page: Uint8Array, start: number) => void,
    whole: (bytes: number, start: number) => Page,
  ): Content {
    const pages = this.#pages.slice();
    for (let start = from - (from % this.#pageBytes); start < to; start += this.#pageBytes) {
      const index = start / this.#pageBytes;
      const bytes = Math.min(this.#pageBytes, size - start);
      if (start >= from && start + bytes <= to) {
        pages[index] = whole(bytes, start);
        continue;
      }
      const page = new Uint8Array(bytes);
      const old = pages[index];
      if (old !== undefined) page.set(old.bytes);
      change(page, start);
      pages[index] = new Page(page);
    }
    return new Content(size, this.#pageBytes, pages);
  }
}

const writtenPages = new Map<number, Page>();
const WRITTEN_PAGES_AT_MOST = 16_384;

/** A page with a copy of these bytes: the one that was made before, if they were written before. */
function pageOf(bytes: Uint8Array): Page {
  const at = (position: number) => bytes[position % bytes.length]!;
  const sample = (at(0) << 24) ^ (at(101) << 16) ^ (at(1009) << 8) ^ at(2003) ^ (at(3001) << 20) ^ (at(3907) << 12);
  const known = writtenPages.get(sample);
  if (known !== undefined && Buffer.compare(known.bytes, bytes) === 0) return known;
  if (writtenPages.size >= WRITTEN_PAGES_AT_MOST) writtenPages.clear();
  const page = new Page(new Uint8Array(bytes));
  writtenPages.set(sample, page);
  return page;
}

const filledPages = new Map<number, Page>();

/** Erased pages are alike: one of each size is enough. */
function filledPage(bytes: number, value: number): Page {
  const key = bytes * 256 + value;
  const page = filledPages.get(key) ?? new Page(new Uint8Array(bytes).fill(value));
  filledPages.set(key, page);
  return page;
}
