import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rename, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { OtaError } from '../core/errors.js';
import { ioError, systemCode } from '../core/io-error.js';
import { escapeText } from '../core/text.js';
import type { DeviceFs } from './device-fs.js';
import { type FileUse, notRegular, type OpenFile, OpenFiles } from './open-files.js';

/** A flat alphabet without separators; the first character keeps `..` and hidden files out. */
const NAME = /^[a-z0-9][a-z0-9.-]{0,127}$/;
/** Advisory locks stand in the same folder and are no part of the device. */
export const LOCK_NAME = /^lock(\.[^.]+)?$/;
const BUFFER_BYTES = 1024 ** 2;

/** A device's folder on a real file system. Files stay open between calls. */
export class NodeDeviceFs implements DeviceFs, AsyncDisposable {
  readonly #folder: string;
  readonly #folderHandle: FileHandle;
  readonly #erasedValue: number;
  #erased: Buffer | undefined;
  readonly #files = new OpenFiles();

  constructor(folder: string, folderHandle: FileHandle, erasedValue: number) {
    this.#folder = folder;
    this.#folderHandle = folderHandle;
    this.#erasedValue = erasedValue;
  }

  async list(): Promise<string[]> {
    const entries = await readdir(this.#folder, { withFileTypes: true }).catch((error: unknown) => {
      throw ioError(error, this.#folder);
    });
    const isOurs = (name: string) => NAME.test(name) && !LOCK_NAME.test(name);
    return entries
      .filter((entry) => entry.isFile() && isOurs(entry.name))
      .map(({ name }) => name)
      .sort();
  }

  async size(name: string): Promise<number | undefined> {
    const path = this.#path(name);
    const opened = this.#files.sizeOf(path);
    if (opened !== undefined) return opened;
    try {
      const stats = await lstat(path);
      if (!stats.isFile()) throw notRegular(path);
      return stats.size;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw ioError(error, path);
    }
  }

  async read(name: string, into: Uint8Array, position: number): Promise<number> {
    return await this.#on(name, 'read', async ({ handle }) => {
      let done = 0;
      while (done < into.byteLength) {
        const { bytesRead } = await handle.read(into, done, into.byteLength - done, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    });
  }

  async write(name: string, position: number, bytes: Uint8Array): Promise<void> {
    await this.#on(name, 'create', (file) => this.#write(name, file, position, bytes));
  }

  async erase(name: string, position: number, length: number): Promise<void> {
    const bytes = this.#erasedBytes(Math.min(length, BUFFER_BYTES));
    await this.#on(name, 'create', async (file) => {
      for (let done = 0; done < length; done += bytes.length) {
        await this.#write(name, file, position + done, bytes.subarray(0, length - done));
      }
    });
  }

  async truncate(name: string, size: number): Promise<void> {
    await this.#on(name, 'write', async (file) => {
      file.dirty = true;
      await file.handle.truncate(size);
      file.size = size;
    });
  }

  async sync(name: string): Promise<void> {
    await this.#on(name, 'write', async (file) => {
      try {
        await file.handle.sync();
        file.dirty = false;
      } catch (error) {
        await this.#dirtyAgain(file).catch(() => {}); // the failure of the sync is the one to report
        throw error;
      }
    });
  }

  async rename(from: string, to: string): Promise<void> {
    const path = this.#path(to);
    try {
      await this.#files.close(path);
      await this.#files.close(this.#path(from));
      await rename(this.#path(from), path);
    } catch (error) {
      throw ioError(error, path);
    }
  }

  async remove(name: string): Promise<void> {
    const path = this.#path(name);
    try {
      await this.#files.close(path);
      await unlink(path);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw ioError(error, path);
    }
  }

  async syncDirectory(): Promise<void> {
    if (process.platform === 'win32') return; // has no such call
    try {
      await this.#folderHandle.sync();
    } catch (error) {
      // Some network file systems cannot; there is nothing that could be lost by their own account.
      const code = systemCode(error);
      if (code !== 'EINVAL' && code !== 'ENOTSUP') throw ioError(error, this.#folder);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.#files[Symbol.asyncDispose](), this.#folderHandle.close()]);
  }

  async #write(name: string, file: OpenFile, position: number, bytes: Uint8Array): Promise<void> {
    // A hole would read as zeros, whatever the erased value is.
    if (position > file.size) throw new RangeError(`${name}: a write at ${position}, the file has ${file.size} bytes`);
    file.dirty = true;
    let done = 0;
    while (done < bytes.byteLength) {
      const { bytesWritten } = await file.handle.write(bytes, done, bytes.byteLength - done, position + done);
      if (bytesWritten === 0) throw stuck(this.#path(name)); // trying for ever would hang
      done += bytesWritten;
      file.size = Math.max(file.size, position + done);
    }
  }

  /**
   * After a failed sync the system takes pages for written that never were: a later run would find the new bytes
   * in memory, have nothing to write, and a sync would "succeed". Written once more, they are what the next sync writes.
   */
  async #dirtyAgain({ handle, size }: OpenFile): Promise<void> {
    const buffer = Buffer.allocUnsafe(Math.min(size, BUFFER_BYTES));
    for (let position = 0; position < size; ) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - position), position);
      if (bytesRead === 0) return;
      await handle.write(buffer, 0, bytesRead, position);
      position += bytesRead;
    }
  }

  #erasedBytes(length: number): Buffer {
    if (this.#erased === undefined || this.#erased.length < length) {
      this.#erased = Buffer.alloc(length, this.#erasedValue);
    }
    return this.#erased.subarray(0, length);
  }

  async #on<T>(name: string, access: FileUse, work: (file: OpenFile) => Promise<T>): Promise<T> {
    const path = this.#path(name);
    try {
      return await this.#files.use(path, access, work);
    } catch (error) {
      if (error instanceof RangeError) throw error;
      throw ioError(error, path);
    }
  }

  #path(name: string): string {
    if (!NAME.test(name)) throw new RangeError(`"${escapeText(name)}" is not a name of a device's file`);
    return join(this.#folder, name);
  }
}

/**
 * Opens a device's folder.
 *
 * @param erasedValue what an erased byte reads as
 * @throws OtaError NOT_FOUND, PERMISSION_DENIED, IO_FAILED
 */
export async function openNodeDeviceFs(dir: string, erasedValue: number): Promise<NodeDeviceFs> {
  const folder = resolve(dir);
  try {
    return new NodeDeviceFs(folder, await open(folder, constants.O_RDONLY | (constants.O_DIRECTORY ?? 0)), erasedValue);
  } catch (error) {
    throw ioError(error, dir);
  }
}

function stuck(path: string): OtaError {
  return new OtaError('IO_FAILED', `${escapeText(path)}: the file system takes no more bytes, without a reason`, [
    'Check the disk.',
  ]);
}
