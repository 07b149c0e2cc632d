import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { syncDirectory } from '../../core/atomic-file.js';
import { OtaError } from '../../core/errors.js';
import { ioError, systemCode } from '../../core/io-error.js';
import { escapeText } from '../../core/text.js';

/**
 * Makes a folder that appears under its name with all that is in it, or not at all.
 *
 * @param fill   writes into the folder it is given, and syncs what it has written
 * @throws OtaError OUTPUT_EXISTS unless the name is free or an empty folder; NOT_FOUND, PERMISSION_DENIED, NO_SPACE, IO_FAILED; or
 *   what `fill` throws
 */
export async function makeFolder<T>(path: string, fill: (aside: string) => Promise<T>): Promise<T> {
  await requireFreeFolder(path);
  const aside = `${resolve(path)}.${randomUUID()}.ota-tmp`;
  try {
    await mkdir(aside, { mode: 0o700 });
    const result = await fill(aside);
    await syncDirectory(aside);
    await requireFreeFolder(path);
    await rename(aside, path); // over an empty folder, too
    await syncDirectory(dirname(resolve(path)));
    return result;
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw ioError(error, path);
  }
}

/** @throws OtaError OUTPUT_EXISTS */
export async function requireFreeFolder(path: string): Promise<void> {
  try {
    const isFolder = (await lstat(path)).isDirectory();
    if (isFolder && (await readdir(path)).length === 0) return;
    const what = isFolder ? 'is a folder that is not empty' : 'exists';
    throw new OtaError('OUTPUT_EXISTS', `${escapeText(path)}: ${what}`, ['Name another folder.']);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw ioError(error, path);
  }
}
