import { constants, readSync } from 'node:fs';
import { copyFile, type FileHandle, link, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { syncDirectory } from './atomic-file.js';
import type { DurableFile, DurableFs } from './durable-fs.js';
import { OtaError } from './errors.js';
import { ioError, systemCode } from './io-error.js';
import { escapeText } from './text.js';

// A FIFO in the place of a file must not hang the open, nor a symlink lead a writer elsewhere.
const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const APPEND_FLAGS = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** File systems without hard links, another file system, too many links. */
const NO_HARD_LINK = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK']);

/** The disk of this machine. */
export function openDurableFs(): DurableFs {
  return {
    list: (directory) =>
      reported(directory, async () => {
        const names = await readdir(directory).catch((error: unknown) => {
          if (systemCode(error) === 'ENOENT') return [];
          throw error;
        });
        return names.sort();
      }),
    open: openDurableFile,
    makeDirectory: (directory) => reported(directory, () => makeDirectory(directory)),
    link: (existing, name) => reported(name, () => linkOrCopy(existing, name)),
    rename: (from, to) => reported(from, () => rename(from, to)),
    remove: (path) =>
      reported(path, () =>
        unlink(path).catch((error: unknown) => {
          if (systemCode(error) !== 'ENOENT') throw error;
        }),
      ),
    syncDirectory: (directory) => reported(directory, () => syncDirectory(directory)),
  };
}

async function openDurableFile(path: string, mode: 'read' | 'append'): Promise<DurableFile> {
  return await reported(path, async () => {
    const handle = await open(path, mode === 'read' ? READ_FLAGS : APPEND_FLAGS, 0o600).catch((error: unknown) => {
      if (mode === 'append' && systemCode(error) === 'ELOOP') throw isSymlink(path);
      throw error;
    });
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw notRegular(path);
      return new NodeDurableFile(path, handle, stats.size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  });
}

class NodeDurableFile implements DurableFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  #size: number;
  /** Nobody knows what the file holds after a failure, so nothing may build on it. */
  #failure: OtaError | undefined;

  constructor(path: string, handle: FileHandle, size: number) {
    this.#path = path;
    this.#handle = handle;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  read(into: Uint8Array, position: number): number {
    try {
      let done = 0;
      while (done < into.byteLength) {
        const got = readSync(this.#handle.fd, into, done, into.byteLength - done, position + done);
        if (got === 0) break;
        done += got;
      }
      return done;
    } catch (error) {
      throw ioError(error, this.#path);
    }
  }

  async append(parts: readonly Uint8Array[]): Promise<void> {
    await this.#changed(async () => {
      let rest = parts.filter((part) => part.byteLength > 0);
      while (rest.length > 0) {
        const { bytesWritten } = await this.#handle.writev(rest, this.#size);
        if (bytesWritten === 0) throw stuck(this.#path); // trying for ever would hang
        this.#size += bytesWritten;
        rest = withoutFirst(rest, bytesWritten);
      }
    });
  }

  async sync(): Promise<void> {
    await this.#changed(() => this.#handle.datasync());
  }

  async truncate(size: number): Promise<void> {
    await this.#changed(async () => {
      if (size > this.#size) throw new RangeError(`${this.#path}: ${this.#size} bytes cannot be cut to ${size}`);
      await this.#handle.truncate(size);
      this.#size = size;
    });
  }

  async close(): Promise<void> {
    await reported(this.#path, () => this.#handle.close());
  }

  async #changed(work: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await work();
    } catch (error) {
      this.#failure = ioError(error, this.#path);
      throw this.#failure;
    }
  }
}

/** The copy is synced, as nobody else would know that it has to be. */
async function linkOrCopy(existing: string, name: string): Promise<void> {
  try {
    await link(existing, name);
  } catch (error) {
    if (!NO_HARD_LINK.has(systemCode(error) ?? '')) throw error;
    await copyFile(existing, name, constants.COPYFILE_EXCL);
    await using copy = await open(name, constants.O_RDWR);
    await copy.datasync();
  }
}

/** Each new directory's own name is synced, as its makers would have to do for every parent. */
async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = resolve(directory); ; made = dirname(made)) {
    await syncDirectory(dirname(made));
    if (made === resolve(first)) return;
  }
}

function withoutFirst(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = bytes;
  for (const part of parts) {
    if (skip < part.byteLength) rest.push(part.subarray(skip));
    skip = Math.max(0, skip - part.byteLength);
  }
  return rest;
}

async function reported<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw systemCode(error) === 'EEXIST' ? taken(path, error) : ioError(error, path);
  }
}

function taken(path: string, cause: unknown): OtaError {
  return new OtaError('OUTPUT_EXISTS', `${escapeText(path)}: already exists`, ['Name another place.'], { cause });
}

function isSymlink(path: string): OtaError {
  return new OtaError('OUTPUT_SYMLINK', `${escapeText(path)}: is a symbolic link, nothing is written through one`, [
    'Name the file it points to, or remove the link.',
  ]);
}

function notRegular(path: string): OtaError {
  return new OtaError('IO_FAILED', `${escapeText(path)}: is no regular file`, ['Name a file.']);
}

function stuck(path: string): OtaError {
  return new OtaError('IO_FAILED', `${escapeText(path)}: the file system takes no more bytes, without a reason`, [
    'Check the disk.',
  ]);
}
