import { OtaError } from '../core/errors.js';
import type { DeviceFs } from './device-fs.js';
import type { Machine } from './machine.js';
import type { MonotonicCounter } from './monotonic-counter.js';

const PAGE_BYTES = 4096;

/**
 * The same machine, but whatever is done to it stays in memory: every decision is the real one, and nothing lasts.
 *
 * @param erasedValue what an erased byte reads as
 */
export function dryRunMachine({ fs, clock, counter }: Machine, erasedValue: number): Machine {
  return {
    fs: new OverlayFs(fs, erasedValue),
    clock,
    ...(counter !== undefined && { counter: overlayCounter(counter) }),
  };
}

function overlayCounter(counter: MonotonicCounter): MonotonicCounter {
  let raised: number | undefined;
  return {
    read: async () => raised ?? (await counter.read()),
    raise: async (to) => {
      raised = to;
    },
  };
}

/** A file as it would be: pages that were written, over a file that is really there. */
interface OverlayFile {
  /** Bytes. It grows only by writes that begin within it, so that nothing stale below ever shows. */
  size: number;
  /** Name of the real file below; absent: there is none. */
  below?: string;
  pages: Map<number, Buffer>;
}

/** Files that read through to real ones, and keep what is written to themselves. */
class OverlayFs implements DeviceFs {
  readonly #base: DeviceFs;
  readonly #erasedValue: number;
  /** undefined: removed. */
  readonly #files = new Map<string, OverlayFile | undefined>();

  constructor(base: DeviceFs, erasedValue: number) {
    this.#base = base;
    this.#erasedValue = erasedValue;
  }

  async list(): Promise<string[]> {
    const there = (await this.#base.list()).filter((name) => !this.#files.has(name));
    const made = [...this.#files].flatMap(([name, file]) => (file === undefined ? [] : [name]));
    return [...there, ...made].sort();
  }

  async size(name: string): Promise<number | undefined> {
    return this.#files.has(name) ? this.#files.get(name)?.size : this.#base.size(name);
  }

  async read(name: string, into: Uint8Array, position: number): Promise<number> {
    const file = this.#files.get(name);
    if (file === undefined) {
      if (this.#files.has(name)) throw missing(name);
      return this.#base.read(name, into, position);
    }
    const length = Math.max(0, Math.min(into.byteLength, file.size - position));
    for (let done = 0; done < length; ) {
      const number = Math.floor((position + done) / PAGE_BYTES);
      const offset = position + done - number * PAGE_BYTES;
      const page = await this.#page(file, number);
      const piece = page.subarray(offset, Math.min(PAGE_BYTES, offset + length - done));
      into.set(piece, done);
      done += piece.byteLength;
    }
    return length;
  }

  async write(name: string, position: number, bytes: Uint8Array): Promise<void> {
    const file = (await this.#open(name)) ?? this.#make(name);
    if (position > file.size) throw new RangeError(`${name}: a write at ${position}, the file has ${file.size} bytes`);
    for (let done = 0; done < bytes.byteLength; ) {
      const number = Math.floor((position + done) / PAGE_BYTES);
      const offset = position + done - number * PAGE_BYTES;
      const page = await this.#page(file, number);
      const piece = bytes.subarray(done, done + PAGE_BYTES - offset);
      page.set(piece, offset);
      file.pages.set(number, page);
      done += piece.byteLength;
    }
    file.size = Math.max(file.size, position + bytes.byteLength);
  }

  async erase(name: string, position: number, length: number): Promise<void> {
    await this.write(name, position, Buffer.alloc(length, this.#erasedValue));
  }

  async truncate(name: string, size: number): Promise<void> {
    const file = (await this.#open(name)) ?? this.#make(name);
    file.size = size;
  }

  async sync(): Promise<void> {}

  async rename(from: string, to: string): Promise<void> {
    const file = await this.#open(from);
    if (file === undefined) throw missing(from);
    this.#files.set(to, file);
    this.#files.set(from, undefined);
  }

  async remove(name: string): Promise<void> {
    this.#files.set(name, undefined);
  }

  async syncDirectory(): Promise<void> {}

  async #open(name: string): Promise<OverlayFile | undefined> {
    if (this.#files.has(name)) return this.#files.get(name);
    const size = await this.#base.size(name);
    if (size === undefined) return undefined;
    const file = { size, below: name, pages: new Map() };
    this.#files.set(name, file);
    return file;
  }

  #make(name: string): OverlayFile {
    const file = { size: 0, pages: new Map() };
    this.#files.set(name, file);
    return file;
  }

  async #page({ below, pages }: OverlayFile, number: number): Promise<Buffer> {
    const known = pages.get(number);
    if (known !== undefined) return known;
    const page = Buffer.alloc(PAGE_BYTES);
    if (below !== undefined) await this.#base.read(below, page, number * PAGE_BYTES);
    return page;
  }
}

function missing(name: string): OtaError {
  return new OtaError('NOT_FOUND', `${name}: no such file`, ['Check the folder of the device.']);
}
