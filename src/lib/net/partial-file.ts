import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { ioError } from '../core/io-error.js';
import type { DownloadTarget, KnownFile } from './download-target.js';

/** A private file (0600) that grows while bytes arrive, and can start again from nothing. */
export class PartialFile implements DownloadTarget {
  readonly path: string;
  readonly #handle: FileHandle;
  #hash: Hash = createHash('sha256');
  #size = 0;
  #known: KnownFile | undefined;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** @throws OtaError of status 6, 8 or 15; an existing file is never opened */
  static async create(path: string): Promise<PartialFile> {
    try {
      return new PartialFile(path, await open(path, 'wx', 0o600));
    } catch (error) {
      throw ioError(error, path);
    }
  }

  /** Bytes received so far. */
  get size(): number {
    return this.#size;
  }

  get known(): KnownFile | undefined {
    return this.#known;
  }

  async begin(known: KnownFile): Promise<void> {
    await this.clear();
    this.#known = known;
  }

  async append(bytes: Uint8Array): Promise<void> {
    try {
      for (let written = 0; written < bytes.byteLength; ) {
        const { bytesWritten } = await this.#handle.write(bytes, written, bytes.byteLength - written, this.#size);
        written += bytesWritten;
        this.#size += bytesWritten;
      }
    } catch (error) {
      throw ioError(error, this.path);
    }
    this.#hash.update(bytes);
  }

  async clear(): Promise<void> {
    try {
      await this.#handle.truncate(0);
    } catch (error) {
      throw ioError(error, this.path);
    }
    this.#size = 0;
    this.#known = undefined;
    this.#hash = createHash('sha256');
  }

  async sha256(): Promise<string> {
    return this.#hash.copy().digest('hex');
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async discard(): Promise<void> {
    await this.#handle.close();
    await rm(this.path, { force: true });
  }
}
