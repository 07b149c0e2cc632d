import { basename, dirname, resolve } from 'node:path';
import type { DurableFile, DurableFs } from './durable-fs.js';
import { OtaError } from './errors.js';
import { escapeText } from './text.js';

/**
 * The same disk, but whatever is done to it stays in memory: decisions are the real ones, and nothing lasts.
 * A file that others append to meanwhile keeps the size at which it was first changed here.
 */
export function dryRunFs(base: DurableFs): DurableFs {
  return new OverlayFs(base);
}

/** A file as it would be: the first bytes of one that is really there, and what was appended. */
interface OverlayFile {
  /** Path of the real file below; absent: there is none. */
  below?: string;
  belowBytes: number;
  tail: Uint8Array;
  tailBytes: number;
}

class OverlayFs implements DurableFs {
  readonly #base: DurableFs;
  /** By absolute path. undefined: removed. */
  readonly #files = new Map<string, OverlayFile | undefined>();
  readonly #directories = new Set<string>();

  constructor(base: DurableFs) {
    this.#base = base;
  }

  async list(directory: string): Promise<string[]> {
    const folder = resolve(directory);
    const names = new Set(await this.#base.list(directory));
    for (const [path, file] of this.#files) {
      if (dirname(path) !== folder) continue;
      if (file === undefined) names.delete(basename(path));
      else names.add(basename(path));
    }
    for (const path of this.#directories) if (dirname(path) === folder && path !== folder) names.add(basename(path));
    return [...names].sort();
  }

  async open(path: string, mode: 'read' | 'append'): Promise<DurableFile> {
    const key = resolve(path);
    if (!this.#files.has(key) && mode === 'read') return await this.#base.open(path, 'read');
    const file = this.#files.get(key) ?? (mode === 'append' ? await this.#appendable(key) : undefined);
    if (file === undefined) throw missing(path);
    this.#files.set(key, file);
    return new OverlayHandle(file, file.below === undefined ? undefined : await this.#base.open(file.below, 'read'));
  }

  async makeDirectory(directory: string): Promise<void> {
    for (let path = resolve(directory); path !== dirname(path); path = dirname(path)) this.#directories.add(path);
  }

  async link(existing: string, name: string): Promise<void> {
    const file = await this.#existing(existing);
    const taken = this.#files.has(resolve(name)) ? this.#files.get(resolve(name)) : await this.#below(name);
    if (taken !== undefined) {
      throw new OtaError('OUTPUT_EXISTS', `${escapeText(name)}: already exists`, ['Name another place.']);
    }
    this.#files.set(resolve(name), file);
  }

  async rename(from: string, to: string): Promise<void> {
    const file = await this.#existing(from);
    if (this.#files.get(resolve(to)) === file) return; // POSIX: two names of one file stay
    this.#files.set(resolve(from), undefined);
    this.#files.set(resolve(to), file);
  }

  async remove(path: string): Promise<void> {
    this.#files.set(resolve(path), undefined);
  }

  async syncDirectory(): Promise<void> {}

  async #existing(path: string): Promise<OverlayFile> {
    const key = resolve(path);
    const file = this.#files.has(key) ? this.#files.get(key) : await this.#below(path);
    if (file === undefined) throw missing(path);
    this.#files.set(key, file); // all its names change together
    return file;
  }

  /** A file that was removed here begins anew. */
  async #appendable(key: string): Promise<OverlayFile> {
    const below = this.#files.has(key) ? undefined : await this.#below(key);
    if (below === undefined && !this.#directories.has(dirname(key))) await this.#base.syncDirectory(dirname(key)); // is there
    return below ?? { belowBytes: 0, tail: new Uint8Array(0), tailBytes: 0 };
  }

  /** The real file as it is now. */
  async #below(path: string): Promise<OverlayFile | undefined> {
    try {
      const file = await this.#base.open(path, 'read');
      await file.close();
      return { below: path, belowBytes: file.size, tail: new Uint8Array(0), tailBytes: 0 };
    } catch (error) {
      if (error instanceof OtaError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }
}

class OverlayHandle implements DurableFile {
  readonly #file: OverlayFile;
  readonly #below: DurableFile | undefined;

  constructor(file: OverlayFile, below: DurableFile | undefined) {
    this.#file = file;
    this.#below = below;
  }

  get size(): number {
    return this.#file.belowBytes + this.#file.tailBytes;
  }

  read(into: Uint8Array, position: number): number {
    const { belowBytes, tail, tailBytes } = this.#file;
    const wanted = Math.max(0, Math.min(into.byteLength, this.size - position));
    const fromBelow = Math.max(0, Math.min(wanted, belowBytes - position));
    const got = fromBelow === 0 ? 0 : (this.#below?.read(into.subarray(0, fromBelow), position) ?? 0);
    if (got < fromBelow) return got;
    const start = position + got - belowBytes;
    if (wanted > got) into.set(tail.subarray(start, Math.min(tailBytes, start + wanted - got)), got);
    return wanted;
  }

  async append(parts: readonly Uint8Array[]): Promise<void> {
    const file = this.#file;
    const bytes = parts.reduce((sum, part) => sum + part.byteLength, file.tailBytes);
    if (bytes > file.tail.byteLength) {
      const grown = new Uint8Array(Math.max(bytes, 2 * file.tail.byteLength));
      grown.set(file.tail.subarray(0, file.tailBytes));
      file.tail = grown;
    }
    for (const part of parts) {
      file.tail.set(part, file.tailBytes);
      file.tailBytes += part.byteLength;
    }
  }

  async sync(): Promise<void> {}

  async truncate(size: number): Promise<void> {
    if (size > this.size) throw new RangeError(`${this.size} bytes cannot be cut to ${size}`);
    this.#file.tailBytes = Math.max(0, size - this.#file.belowBytes);
    this.#file.belowBytes = Math.min(this.#file.belowBytes, size);
  }

  async close(): Promise<void> {
    await this.#below?.close();
  }
}

function missing(path: string): OtaError {
  return new OtaError('NOT_FOUND', `${escapeText(path)}: no such file or directory`, ['Check the path.']);
}
