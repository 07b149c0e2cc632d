import { constants, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { throwIfAborted } from './abort.js';
import { formatByteSize } from './byte-size.js';
import { OtaError } from './errors.js';
import { ioError } from './io-error.js';
import type { RandomAccess } from './random-access.js';
import { escapeText } from './text.js';

/** An open file, read by position. Close it, or hold it with `await using`. */
export interface FileAccess extends RandomAccess, AsyncDisposable {
  close(): Promise<void>;
}

// A FIFO without a writer must not hang the open; it is then refused by its type.
const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a regular file for reading by position.
 *
 * @param path     followed if it is a symlink; a directory, FIFO, socket or device is refused
 * @param maxBytes largest size accepted, bytes
 * @throws OtaError NOT_FOUND, PERMISSION_DENIED, IO_FAILED, LIMIT_EXCEEDED
 */
export async function openFile(path: string, { maxBytes }: { maxBytes?: number } = {}): Promise<FileAccess> {
  const handle = await open(path, READ_FLAGS).catch((error: unknown) => {
    throw ioError(error, path);
  });
  try {
    const size = await regularFileSize(handle, path);
    if (maxBytes !== undefined && size > maxBytes) throw tooLarge(path, 'file', size, maxBytes);
    return {
      name: path,
      size,
      read: (into, position) => readFully(handle, path, into, position),
      readSync: (into, position) => readFullySync(handle, path, into, position),
      close: () => handle.close(),
      [Symbol.asyncDispose]: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Reads a small regular file as a whole.
 *
 * @param maxBytes largest size accepted, bytes; also holds for a file that grows while it is read
 * @param what     what the file is to a person: `public key`, `device state`
 * @throws OtaError NOT_FOUND, PERMISSION_DENIED, IO_FAILED, LIMIT_EXCEEDED
 */
export async function readBounded(path: string, maxBytes: number, what: string): Promise<Buffer> {
  await using file = await openFile(path);
  if (file.size > maxBytes) throw tooLarge(path, what, file.size, maxBytes);
  // One byte more than it says: files under /proc say 0, and others may be growing.
  const bytes = Buffer.allocUnsafe(Math.max(file.size, Math.min(maxBytes, 64 * 1024)) + 1);
  const got = await file.read(bytes, 0);
  if (got > maxBytes) throw tooLarge(path, what, got, maxBytes);
  if (got === bytes.length) throw changedWhileRead(path);
  return bytes.subarray(0, got);
}

/** Bytes in memory as a RandomAccess. */
export function memoryAccess(bytes: Uint8Array, name: string): RandomAccess {
  const readSync = (into: Uint8Array, position: number) => {
    const part = bytes.subarray(position, position + into.byteLength);
    into.set(part);
    return part.byteLength;
  };
  return { name, size: bytes.byteLength, read: async (into, position) => readSync(into, position), readSync };
}

/**
 * A stretch of another source under its own name. Reads never leave it.
 *
 * @param offset first byte, from the start of `source`
 * @param size   bytes
 */
export function region(source: RandomAccess, name: string, offset: number, size: number): RandomAccess {
  if (offset < 0 || size < 0 || offset + size > source.size) {
    throw new RangeError(
      `${name}: bytes ${offset} to ${offset + size} lie outside ${source.name} (${source.size} bytes)`,
    );
  }
  const inside = (into: Uint8Array, position: number) =>
    into.subarray(0, Math.min(into.byteLength, Math.max(0, size - position)));
  return {
    name,
    size,
    read: async (into, position) => (position < size ? source.read(inside(into, position), offset + position) : 0),
    ...(source.readSync && {
      readSync: (into, position) => (position < size ? source.readSync!(inside(into, position), offset + position) : 0),
    }),
  };
}

/**
 * Reads a source from start to end, the next chunk while the consumer works on this one.
 *
 * @yields chunks of `chunkBytes` (the last may be shorter); each is valid until the next is asked for
 * @throws OtaError IO_FAILED when the source ends before its size; INTERRUPTED, TERMINATED
 */
export async function* chunksOf(
  source: RandomAccess,
  { chunkBytes = 512 * 1024, signal }: { chunkBytes?: number; signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const bufferBytes = Math.min(chunkBytes, source.size);
  let current = Buffer.allocUnsafe(bufferBytes);
  let spare = source.size > bufferBytes ? Buffer.allocUnsafe(bufferBytes) : current;
  const fill = async (buffer: Buffer, position: number) => {
    const chunk = buffer.subarray(0, Math.min(buffer.length, source.size - position));
    if ((await source.read(chunk, position)) < chunk.length) throw changedWhileRead(source.name);
    return chunk;
  };
  throwIfAborted(signal);
  let pending = source.size > 0 ? fill(current, 0) : undefined;
  let position = 0;
  try {
    while (pending !== undefined) {
      const chunk = await pending;
      throwIfAborted(signal);
      position += chunk.length;
      [current, spare] = [spare, current];
      pending = position < source.size ? fill(current, position) : undefined;
      pending?.catch(() => {}); // reported when it is awaited, not before
      yield chunk;
    }
  } finally {
    await pending?.catch(() => {}); // the file may be closed right after
  }
}

async function readFully(handle: FileHandle, path: string, into: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < into.byteLength) {
    const { bytesRead } = await handle
      .read(into, done, into.byteLength - done, position + done)
      .catch((error: unknown) => {
        throw ioError(error, path);
      });
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

function readFullySync({ fd }: FileHandle, path: string, into: Uint8Array, position: number): number {
  let done = 0;
  try {
    while (done < into.byteLength) {
      const bytesRead = readSync(fd, into, done, into.byteLength - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
  } catch (error) {
    throw ioError(error, path);
  }
  return done;
}

async function regularFileSize(handle: FileHandle, path: string): Promise<number> {
  const stats = await handle.stat();
  if (stats.isFile()) return stats.size;
  const kind = stats.isDirectory() ? 'a directory' : stats.isFIFO() ? 'a FIFO' : 'no regular file';
  throw new OtaError('IO_FAILED', `${escapeText(path)}: is ${kind}, expected a regular file`, ['Name a file.']);
}

function tooLarge(path: string, what: string, gotBytes: number, maxBytes: number): OtaError {
  return new OtaError(
    'LIMIT_EXCEEDED',
    `${escapeText(path)}: the ${what} has ${gotBytes} bytes, at most ${maxBytes} (${formatByteSize(maxBytes)}) are read`,
    ['Check that this is the file you meant.'],
  );
}

function changedWhileRead(path: string): OtaError {
  return new OtaError('IO_FAILED', `${escapeText(path)}: changed while it was being read`, [
    'Run again when nothing writes to it.',
  ]);
}
