import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { memoryAccess } from '../../core/file-access.js';
import { ioError } from '../../core/io-error.js';
import { openPrivateDirectory } from '../../core/private-directory.js';
import type { RandomAccess } from '../../core/random-access.js';

/** Up to this size, what is scratched down is held in memory, bytes. */
export const MEMORY_SCRATCH_BYTES = 16 * 1024 * 1024;

/** Bytes written once from start to end, then read by position. Disposal removes them. */
export interface ScratchStorage extends AsyncDisposable {
  append(bytes: Uint8Array): Promise<void>;
  /** @param name what a person would call it */
  access(name: string): RandomAccess;
}

/**
 * Opens scratch storage: memory, or from 16 MiB on a temporary file that nobody else can see.
 *
 * The file loses its name as soon as it is open, where the system allows that, so it is gone with the process
 * however that ends.
 *
 * @param size what will be written, bytes
 * @throws OtaError IO_FAILED, NO_SPACE; so does `append`
 */
export async function openScratchStorage(size: number): Promise<ScratchStorage> {
  return size <= MEMORY_SCRATCH_BYTES ? memoryStorage(size) : fileStorage();
}

function memoryStorage(size: number): ScratchStorage {
  const bytes = new Uint8Array(size);
  let filled = 0;
  return {
    async append(piece) {
      bytes.set(piece, filled);
      filled += piece.length;
    },
    access: (name) => memoryAccess(bytes.subarray(0, filled), name),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function fileStorage(): Promise<ScratchStorage> {
  const directory = await openPrivateDirectory();
  const path = join(directory.path, 'scratch');
  let file: FileHandle;
  try {
    file = await open(path, 'wx+', 0o600);
    await unlink(path).catch(() => undefined); // Windows keeps the name of an open file; disposal removes it there
  } catch (error) {
    await directory[Symbol.asyncDispose]();
    throw ioError(error, path);
  }
  let filled = 0;
  return {
    async append(piece) {
      await file.appendFile(piece).catch((error: unknown) => {
        throw ioError(error, path);
      });
      filled += piece.length;
    },
    access: (name) => ({ name, size: filled, read: (into, position) => readFully(file, path, into, position) }),
    async [Symbol.asyncDispose]() {
      await file.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

async function readFully(file: FileHandle, path: string, into: Uint8Array, position: number): Promise<number> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done).catch((error: unknown) => {
      throw ioError(error, path);
    });
    if (bytesRead === 0) return done;
    done += bytesRead;
  }
  return into.length;
}
