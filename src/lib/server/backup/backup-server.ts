import { access, mkdir, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { throwIfAborted } from '../../core/abort.js';
import { syncDirectory, writeFileAtomically } from '../../core/atomic-file.js';
import { OtaError } from '../../core/errors.js';
import { ioError, systemCode } from '../../core/io-error.js';
import { escapeText } from '../../core/text.js';
import { hashedCopy, hashOfFile } from './hashed-copy.js';
import { type BackupFile, foldersOf, type Manifest, manifestFile, manifestOf } from './manifest.js';
import { makeFolder } from './new-folder.js';

/** Names below a data directory. */
const DATABASE = 'fleet.db';
const TELEMETRY = 'telemetry';
const ARTIFACTS = 'artifacts';

export interface BackupOptions {
  /** Of the manifest. */
  readonly createdAt: Date;
  readonly version: string;
  readonly signal?: AbortSignal;
  /** Told after each file how many are done, of how many. */
  onFile?(done: number, total: number): void;
}

/**
 * Copies the state of an embedded server, also while it runs: the database and each file of telemetry as they were at one
 * moment, then the artifacts that the copied database names. Ids of telemetry are not copied; they are found
 * in the telemetry itself.
 *
 * @param target a folder that does not exist, or is empty
 * @throws OtaError NOT_FOUND where there is no embedded server's state; STORE_DAMAGED for an artifact whose bytes are not those
 *   that were uploaded; OUTPUT_EXISTS, NO_SPACE, IO_FAILED, INTERRUPTED, TERMINATED
 */
export async function backupServer(dataDirectory: string, target: string, options: BackupOptions): Promise<Manifest> {
  const { createdAt, version, signal, onFile } = options;
  await requireState(dataDirectory);
  return await makeFolder(target, async (aside) => {
    const files: BackupFile[] = [];
    const add = async (path: string, write: (to: string) => Promise<{ size: number; sha256: string } | undefined>) => {
      throwIfAborted(signal);
      await mkdir(dirname(join(aside, path)), { recursive: true, mode: 0o700 });
      const written = await write(join(aside, path));
      if (written !== undefined) files.push({ path, ...written });
    };
    await add(DATABASE, (to) => copyDatabase(join(dataDirectory, DATABASE), to, signal));
    const blobs = blobsOf(join(aside, DATABASE));
    const generations = await generationsOf(dataDirectory);
    const total = 1 + blobs.length + generations.length;
    onFile?.(1, total);
    for (const [index, sha256] of blobs.entries()) {
      const path = join(ARTIFACTS, sha256.slice(0, 2), sha256);
      await add(path, async (to) => requireHash(await hashedCopy(join(dataDirectory, path), to, signal), sha256));
      onFile?.(2 + index, total);
    }
    for (const [index, name] of generations.entries()) {
      const path = join(TELEMETRY, name);
      // The oldest one may have aged away meanwhile.
      await add(path, (to) => copyDatabase(join(dataDirectory, path), to, signal).catch(absent));
      onFile?.(2 + blobs.length + index, total);
    }
    for (const folder of foldersOf(files)) await syncDirectory(join(aside, folder));
    const manifest = manifestOf(createdAt, version, files);
    const { path, bytes } = manifestFile(aside, manifest);
    await writeFileAtomically(path, bytes, { mode: 0o600 });
    return manifest;
  });
}

async function requireState(dataDirectory: string): Promise<void> {
  await access(join(dataDirectory, DATABASE)).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw ioError(error, dataDirectory);
    throw new OtaError('NOT_FOUND', `${escapeText(dataDirectory)}: holds no database of a fleet server`, [
      'Name the folder that the server was started with: --data DIR.',
      'A server over PostgreSQL keeps its state there: use pg_dump, and copy the folder artifacts.',
    ]);
  });
}

/** One moment of a database that somebody may be writing. */
async function copyDatabase(
  from: string,
  to: string,
  signal: AbortSignal | undefined,
): Promise<{ size: number; sha256: string }> {
  await access(from);
  const database = new DatabaseSync(from, { readOnly: true, timeout: 5_000 });
  try {
    database.prepare('vacuum into ?').run(to);
  } catch (error) {
    throw copyFailure(error, from);
  } finally {
    database.close();
  }
  const file = await open(to, 'r+');
  try {
    await file.chmod(0o600);
    await file.sync();
  } finally {
    await file.close();
  }
  return hashOfFile(to, signal);
}

function copyFailure(error: unknown, from: string): OtaError {
  const { errcode = 0, message } = error as Error & { errcode?: number };
  const name = escapeText(from);
  const cause = { cause: error };
  // Primary result codes: https://www.sqlite.org/rescode.html
  switch (errcode & 0xff) {
    case 13:
      return new OtaError('NO_SPACE', `${name}: no space left for its copy`, ['Free some space and run again.'], cause);
    case 11:
    case 26:
      return new OtaError('STORE_DAMAGED', `${name}: ${message}`, ['Restore the last backup that was good.'], cause);
    default:
      return new OtaError('IO_FAILED', `${name}: ${message}`, ['Check the disk.'], cause);
  }
}

/** SHA-256 of everything that the artifacts of a database need. */
function blobsOf(path: string): string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const rows = database.prepare('select sha256 from artifact union select sha256 from artifact_cut order by 1').all();
    return rows.map(({ sha256 }) => String(sha256));
  } finally {
    database.close();
  }
}

async function generationsOf(dataDirectory: string): Promise<string[]> {
  const names = await readdir(join(dataDirectory, TELEMETRY)).catch((error: unknown) => absent(error) ?? []);
  return names.filter((name) => name.endsWith('.db')).sort();
}

function absent(error: unknown): undefined {
  if (systemCode(error) !== 'ENOENT') throw error;
  return undefined;
}

function requireHash(copied: { size: number; sha256: string }, expected: string): { size: number; sha256: string } {
  if (copied.sha256 === expected) return copied;
  throw new OtaError(
    'STORE_DAMAGED',
    `artifact ${expected}: its bytes have SHA-256 ${copied.sha256}; the disk has changed them`,
    ['Upload it again, or restore an older backup.'],
  );
}
