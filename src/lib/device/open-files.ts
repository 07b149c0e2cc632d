import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { OtaError } from '../core/errors.js';
import { systemCode } from '../core/io-error.js';
import { escapeText } from '../core/text.js';

const MAX_OPEN_FILES = 32;

// A link that somebody planted must not lead a write elsewhere, and a FIFO must not hang the open.
const SAFE_FLAGS = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** What a call does with a file; `create` writes, and makes it where it is missing. */
export type FileUse = 'read' | 'write' | 'create';

export interface OpenFile {
  readonly handle: FileHandle;
  readonly writable: boolean;
  /** Bytes, as far as this process has changed it. */
  size: number;
  /** Holds writes that were not synced: its handle is the one that a failure to write them is reported to. */
  dirty: boolean;
  /** Calls that are under way: they must not lose the handle. */
  users: number;
}

/** Regular files that stay open between calls, about 32 of them. */
export class OpenFiles implements AsyncDisposable {
  /** By path; least recently used first. */
  readonly #files = new Map<string, OpenFile>();
  /** One file is opened at a time, so that two calls never open the same. */
  #opening: Promise<unknown> = Promise.resolve();

  /**
   * Runs `work` on a file, opened if it is not.
   *
   * @throws what `node:fs` or `work` throws; OtaError IO_FAILED: it is no regular file
   */
  async use<T>(path: string, use: FileUse, work: (file: OpenFile) => Promise<T>): Promise<T> {
    const file = this.#taken(path, use) ?? (await this.#open(path, use));
    try {
      return await work(file);
    } finally {
      file.users -= 1;
    }
  }

  /** Bytes, of a file that is open. */
  sizeOf(path: string): number | undefined {
    return this.#files.get(path)?.size;
  }

  /** Closes a file, if it is open, once calls under way are done with it. */
  async close(path: string): Promise<void> {
    const known = this.#files.get(path);
    this.#files.delete(path);
    await known?.handle.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#files.keys()].map((path) => this.close(path)));
  }

  /** A file that is open already, for one more call. */
  #taken(path: string, use: FileUse): OpenFile | undefined {
    const known = this.#files.get(path);
    if (known === undefined || !(known.writable || use === 'read')) return undefined;
    this.#files.delete(path);
    this.#files.set(path, known);
    known.users += 1;
    return known;
  }

  async #open(path: string, use: FileUse): Promise<OpenFile> {
    const opened = this.#opening.then(async () => {
      const known = this.#taken(path, use);
      if (known !== undefined) return known;
      await this.close(path);
      await this.#closeOldest();
      const file: OpenFile = { ...(await openSafely(path, use)), dirty: false, users: 1 };
      this.#files.set(path, file);
      return file;
    });
    this.#opening = opened.catch(() => {}); // reported to who asked
    return await opened;
  }

  async #closeOldest(): Promise<void> {
    if (this.#files.size < MAX_OPEN_FILES) return;
    const oldest = [...this.#files].find(([, { dirty, users }]) => !dirty && users === 0);
    if (oldest !== undefined) await this.close(oldest[0]);
  }
}

/** What may not be written can still be read, as where somebody looks at a device on a read-only file system. */
async function openSafely(path: string, use: FileUse): Promise<Pick<OpenFile, 'handle' | 'size' | 'writable'>> {
  try {
    const creates = use === 'create' ? constants.O_CREAT : 0;
    return { ...(await openRegular(path, constants.O_RDWR | creates)), writable: true };
  } catch (error) {
    const code = systemCode(error);
    if (use !== 'read' || !(code === 'EACCES' || code === 'EPERM' || code === 'EROFS')) throw error;
    return { ...(await openRegular(path, constants.O_RDONLY)), writable: false };
  }
}

async function openRegular(path: string, flags: number): Promise<Pick<OpenFile, 'handle' | 'size'>> {
  const handle = await open(path, flags | SAFE_FLAGS, 0o600).catch((error: unknown) => {
    throw systemCode(error) === 'ELOOP' ? notRegular(path) : error;
  });
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw notRegular(path);
    return { handle, size: stats.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

export function notRegular(path: string): OtaError {
  return new OtaError('IO_FAILED', `${escapeText(path)}: is no regular file`, [
    'Somebody else put it into the folder of the device: remove it.',
  ]);
}
