import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { throwIfAborted, untilAborted } from './abort.js';
import { OtaError } from './errors.js';
import { ioError, systemCode } from './io-error.js';
import { escapeText } from './text.js';

export interface AtomicFileOptions {
  /** Replace an existing regular file. A symlink is never followed nor replaced. */
  force?: boolean;
  /** Permission bits of the result, whatever the umask; without it, 0666 less the umask. */
  mode?: number;
  signal?: AbortSignal;
}

/** A file that appears under its name complete and synced, or not at all. */
export interface AtomicFile extends AsyncDisposable {
  /** The temporary file beside the target, readable and writable by its owner only. */
  readonly path: string;
  /** Appends; the bytes may be reused once the promise resolves. */
  write(bytes: Uint8Array): Promise<void>;
  /** Syncs and moves the file to its name. On failure nothing is left. */
  commit(): Promise<{ size: number }>;
  /** Removes the temporary file. Does nothing after a commit. */
  discard(): Promise<void>;
  /** Removes a committed file again, unless it may have replaced another: then it is all there is. */
  takeBack(): Promise<void>;
}

/**
 * Writes a whole file, or nothing.
 *
 * @param source what the file will hold; when it throws, or the signal is raised, nothing is left behind
 * @returns size, bytes
 * @throws OtaError USAGE for `-`, OUTPUT_EXISTS without `force`, OUTPUT_SYMLINK, NOT_FOUND (the folder),
 *   PERMISSION_DENIED, NO_SPACE, IO_FAILED, INTERRUPTED, TERMINATED; or what the source throws
 */
export async function writeFileAtomically(
  path: string,
  source: Uint8Array | AsyncIterable<Uint8Array>,
  options: AtomicFileOptions = {},
): Promise<{ size: number }> {
  await using file = await openAtomicFile(path, options);
  if (source instanceof Uint8Array) await file.write(source);
  else for await (const chunk of untilAborted(source, options.signal)) await file.write(chunk);
  return await file.commit();
}

/**
 * Starts such a file for writers that cannot be one source.
 *
 * @throws as writeFileAtomically
 */
export async function openAtomicFile(path: string, options: AtomicFileOptions = {}): Promise<AtomicFile> {
  throwIfAborted(options.signal);
  await requireFreeTarget(path, options.force === true);
  const temporaryPath = join(dirname(path), `.${randomUUID()}.ota-tmp`);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
  // Without a mode of its own the file is created as the umask says, to learn what that is.
  const handle = await open(temporaryPath, flags, options.mode === undefined ? 0o666 : 0o600).catch(
    (error: unknown) => {
      throw ioError(error, path);
    },
  );
  try {
    const mode = options.mode ?? (await handle.stat()).mode & 0o777;
    await handle.chmod(0o600);
    return new TemporaryFile(handle, temporaryPath, path, { ...options, mode });
  } catch (error) {
    await handle.close();
    await unlink(temporaryPath);
    throw ioError(error, path);
  }
}

class TemporaryFile implements AtomicFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #target: string;
  readonly #options: AtomicFileOptions & { mode: number };
  #size = 0;
  #state: 'open' | 'closed' | 'gone' = 'open';

  constructor(handle: FileHandle, path: string, target: string, options: AtomicFileOptions & { mode: number }) {
    this.#handle = handle;
    this.path = path;
    this.#target = target;
    this.#options = options;
  }

  async write(bytes: Uint8Array): Promise<void> {
    throwIfAborted(this.#options.signal);
    await this.#reported(async () => {
      let done = 0;
      while (done < bytes.byteLength) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.byteLength - done, this.#size + done);
        if (bytesWritten === 0) throw stuck(this.#target); // trying for ever would hang
        done += bytesWritten;
      }
      this.#size += done;
    });
  }

  async commit(): Promise<{ size: number }> {
    try {
      throwIfAborted(this.#options.signal);
      await this.#reported(async () => {
        await this.#handle.chmod(this.#options.mode);
        // A failed sync may have dropped the pages it could not write: trying again would "succeed" without them.
        await this.#handle.sync();
        await this.#handle.close();
        this.#state = 'closed';
        await requireFreeTarget(this.#target, this.#options.force === true);
        if (this.#options.force) await rename(this.path, this.#target);
        else await moveWithoutReplacing(this.path, this.#target);
        this.#state = 'gone';
        await this.#syncName();
      });
      return { size: this.#size };
    } finally {
      await this.discard();
    }
  }

  /** Makes the name as durable as the bytes; where it replaced nothing, a failure takes it back. */
  async #syncName(): Promise<void> {
    try {
      await syncDirectory(dirname(this.#target));
    } catch (error) {
      await this.takeBack();
      throw error;
    }
  }

  async takeBack(): Promise<void> {
    if (!this.#options.force) await unlink(this.#target).catch(() => {});
  }

  async discard(): Promise<void> {
    const state = this.#state;
    this.#state = 'gone';
    if (state === 'gone') return;
    if (state === 'open') await this.#handle.close().catch(() => {});
    await unlink(this.path).catch(() => {}); // the failure that led here is the one to report
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.discard();
  }

  async #reported(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw ioError(error, this.#target);
    }
  }
}

/**
 * Says before any work that an output cannot have this name.
 *
 * @throws OtaError USAGE for `-`, OUTPUT_EXISTS without `force`, OUTPUT_SYMLINK, IO_FAILED
 */
export async function requireFreeTarget(path: string, force: boolean): Promise<void> {
  if (path === '-') {
    throw new OtaError('USAGE', 'an output cannot be stdout: it must appear whole or not at all', ['Name a file.']);
  }
  const stats = await statOrAbsent(path);
  if (stats === undefined) return;
  const name = escapeText(path);
  if (stats.isSymbolicLink()) {
    throw new OtaError('OUTPUT_SYMLINK', `${name}: is a symbolic link, outputs do not follow one`, [
      'Name the file it points to, or remove the link.',
    ]);
  }
  if (!stats.isFile()) {
    const kind = stats.isDirectory() ? 'a directory' : 'no regular file';
    throw new OtaError('IO_FAILED', `${name}: is ${kind}, an output must be a regular file`, ['Name a file.']);
  }
  if (!force) throw outputExists(path);
}

async function statOrAbsent(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw ioError(error, path);
  }
}

/** Of several writers exactly one wins: a link, unlike a rename, never replaces. */
async function moveWithoutReplacing(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') throw outputExists(to);
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error;
    return claimAndRename(from, to);
  }
  try {
    await unlink(from);
  } catch (error) {
    await unlink(to).catch(() => {}); // what is reported as failed must not be there
    throw error;
  }
}

/** For file systems without hard links (FAT, some network shares): an empty file takes the name first. */
async function claimAndRename(from: string, to: string): Promise<void> {
  try {
    await (await open(to, 'wx', 0o600)).close();
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw outputExists(to);
    throw error;
  }
  try {
    await rename(from, to);
  } catch (error) {
    await unlink(to);
    throw error;
  }
}

/** Makes the names in a directory durable; does nothing where the file system cannot. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return; // has no such call
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot; there is nothing that could be lost by their own account.
    if (systemCode(error) !== 'EINVAL' && systemCode(error) !== 'ENOTSUP') throw error;
  } finally {
    await handle.close();
  }
}

function stuck(path: string): OtaError {
  return new OtaError('IO_FAILED', `${escapeText(path)}: the file system takes no more bytes, without a reason`, [
    'Check the disk.',
  ]);
}

function outputExists(path: string): OtaError {
  return new OtaError('OUTPUT_EXISTS', `${escapeText(path)}: already exists`, ['Add --force to replace it.']);
}
