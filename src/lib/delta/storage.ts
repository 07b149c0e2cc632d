import { constants, readSync } from 'node:fs';
import { type FileHandle, lstat, open, realpath } from 'node:fs/promises';
import { OtaError } from '../core/errors.js';
import { ioError, systemCode } from '../core/io-error.js';
import { escapeText } from '../core/text.js';
import type { InPlaceDevice } from './inplace/in-place-device.js';

/** A file or block device, read and written by position. */
export interface Storage extends InPlaceDevice, AsyncDisposable {
  readonly isBlockDevice: boolean;
  /** Tells whether two of them are the same, under whatever names. */
  readonly identity: string;
  /** Changes the size of a file, bytes. */
  resize(size: number): Promise<void>;
}

// A FIFO must not hang the open, nor a symlink lead a writer to another file.
const READ = constants.O_RDONLY | constants.O_NONBLOCK;
const WRITE = constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW;
/** Of a block device: refused while it is mounted. */
const EXCLUSIVE = constants.O_EXCL;

/**
 * Opens a file or block device. What is written goes through no symlink but one to a block device, which is how systems
 * name partitions (/dev/disk/by-partlabel): nothing but a partition can be reached by it.
 *
 * @param mode `create` makes a missing file; `write` wants it to be there, a block device by itself alone
 * @throws OtaError NOT_FOUND, PERMISSION_DENIED, NO_SPACE, OUTPUT_SYMLINK, LOCKED for a mounted device, IO_FAILED
 */
export async function openStorage(path: string, mode: 'read' | 'write' | 'create'): Promise<Storage> {
  const flags = mode === 'read' ? READ : mode === 'create' ? WRITE | constants.O_CREAT : WRITE | EXCLUSIVE;
  const device = mode === 'write' ? await blockDeviceAt(path) : undefined;
  const handle = await open(device ?? path, flags, 0o600).catch((error: unknown) => {
    if (systemCode(error) === 'ELOOP') {
      throw new OtaError('OUTPUT_SYMLINK', `${escapeText(path)}: is a symbolic link, nothing is written through one`, [
        'Name what it points to.',
      ]);
    }
    if (systemCode(error) === 'EBUSY') {
      throw new OtaError('LOCKED', `${escapeText(path)}: is in use`, ['Unmount it.'], { cause: error });
    }
    throw ioError(error, path);
  });
  try {
    const stats = await handle.stat();
    const isBlockDevice = stats.isBlockDevice();
    if ((!stats.isFile() || device !== undefined) && !isBlockDevice) {
      throw new OtaError('IO_FAILED', `${escapeText(path)}: is neither a file nor a block device`, [
        'Name one of these.',
      ]);
    }
    const size = isBlockDevice ? await endOf(handle) : stats.size;
    return new NodeStorage(path, handle, { size, isBlockDevice, identity: identityOf(stats, isBlockDevice) });
  } catch (error) {
    await handle.close();
    throw ioError(error, path);
  }
}

/** @returns the path without symlinks of the block device that a path leads to; undefined for everything else */
export async function blockDeviceAt(path: string): Promise<string | undefined> {
  try {
    const real = await realpath(path);
    return (await lstat(real)).isBlockDevice() ? real : undefined;
  } catch {
    return undefined; // opening it tells what is wrong
  }
}

class NodeStorage implements Storage {
  readonly name: string;
  readonly isBlockDevice: boolean;
  readonly identity: string;
  size: number;
  readonly #path: string;
  readonly #handle: FileHandle;

  constructor(
    path: string,
    handle: FileHandle,
    { size, isBlockDevice, identity }: Pick<Storage, 'size' | 'isBlockDevice' | 'identity'>,
  ) {
    this.name = escapeText(path);
    this.isBlockDevice = isBlockDevice;
    this.identity = identity;
    this.size = size;
    this.#path = path;
    this.#handle = handle;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#reported(async () => {
      let done = 0;
      while (done < into.byteLength) {
        const { bytesRead } = await this.#handle.read(into, done, into.byteLength - done, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    });
  }

  readSync(into: Uint8Array, position: number): number {
    try {
      let done = 0;
      while (done < into.byteLength) {
        const bytesRead = readSync(this.#handle.fd, into, done, into.byteLength - done, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    } catch (error) {
      throw ioError(error, this.#path);
    }
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return this.#reported(async () => {
      for (let done = 0; done < bytes.byteLength; ) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.byteLength - done, position + done);
        if (bytesWritten === 0) throw new OtaError('IO_FAILED', `${this.name}: takes no more bytes`, []);
        done += bytesWritten;
      }
      this.size = Math.max(this.size, position + bytes.byteLength);
    });
  }

  sync(): Promise<void> {
    return this.#reported(() => this.#handle.sync());
  }

  resize(size: number): Promise<void> {
    return this.#reported(async () => {
      await this.#handle.truncate(size);
      this.size = size;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#handle.close();
  }

  async #reported<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw ioError(error, this.#path);
    }
  }
}

function identityOf({ dev, ino, rdev }: { dev: number; ino: number; rdev: number }, isBlockDevice: boolean): string {
  return isBlockDevice ? `device ${rdev}` : `file ${dev} ${ino}`;
}

/** The size of a block device, which `stat` does not tell: its last byte that can be read, by halves. */
async function endOf(handle: FileHandle): Promise<number> {
  const byte = new Uint8Array(1);
  const isInside = async (position: number) => (await handle.read(byte, 0, 1, position)).bytesRead === 1;
  let inside = -1;
  let outside = 2 ** 48;
  while (outside - inside > 1) {
    const middle = Math.floor((inside + outside) / 2);
    if (await isInside(middle)) inside = middle;
    else outside = middle;
  }
  return outside;
}
