import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { throwIfAborted } from '../../core/abort.js';
import { syncDirectory } from '../../core/atomic-file.js';
import { OtaError } from '../../core/errors.js';
import { escapeText } from '../../core/text.js';
import { hashedCopy, hashOfFile } from './hashed-copy.js';
import { type BackupFile, foldersOf, type Manifest, readManifest } from './manifest.js';
import { makeFolder, requireFreeFolder } from './new-folder.js';

export interface RestoreOptions {
  /** Check the backup, change nothing. */
  readonly isDryRun: boolean;
  readonly signal?: AbortSignal;
  onFile?(done: number, total: number): void;
}

/**
 * Makes a data directory from a backup, every byte of which is checked.
 *
 * @param dataDirectory a folder that does not exist, or is empty: what a server has is never replaced
 * @throws OtaError NOT_FOUND, STORE_DAMAGED for a backup that is not whole; OUTPUT_EXISTS, NO_SPACE, IO_FAILED, INTERRUPTED, TERMINATED
 */
export async function restoreServer(backup: string, dataDirectory: string, options: RestoreOptions): Promise<Manifest> {
  const { isDryRun, signal, onFile } = options;
  const manifest = await readManifest(backup);
  const { files } = manifest;
  if (isDryRun) {
    await requireFreeFolder(dataDirectory);
    for (const [index, file] of files.entries()) {
      requireSame(file, await hashOfFile(join(backup, file.path), signal), backup);
      onFile?.(index + 1, files.length);
    }
    return manifest;
  }
  return await makeFolder(dataDirectory, async (aside) => {
    for (const [index, file] of files.entries()) {
      throwIfAborted(signal);
      const to = join(aside, file.path);
      await mkdir(dirname(to), { recursive: true, mode: 0o700 });
      requireSame(file, await hashedCopy(join(backup, file.path), to, signal), backup);
      onFile?.(index + 1, files.length);
    }
    for (const folder of foldersOf(files)) await syncDirectory(join(aside, folder));
    return manifest;
  });
}

function requireSame(expected: BackupFile, got: { size: number; sha256: string }, backup: string): void {
  if (got.sha256 === expected.sha256) return;
  throw new OtaError(
    'STORE_DAMAGED',
    `${escapeText(join(backup, expected.path))}: SHA-256 is ${got.sha256}, the backup was made with ${expected.sha256}`,
    ['Use another backup.'],
  );
}
