import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Transaction } from 'kysely';
import { untilAborted } from '../../core/abort.js';
import { syncDirectory } from '../../core/atomic-file.js';
import { OtaError } from '../../core/errors.js';
import { type FileAccess, openFile } from '../../core/file-access.js';
import { ioError, systemCode } from '../../core/io-error.js';
import { chunksOf } from '../database/chunks.js';
import type { Database } from '../database/database.js';
import type { Schema } from '../database/schema.js';

/** Hexadecimal digests of the same bytes. */
export interface BlobDigests {
  /** Bytes. */
  readonly size: number;
  readonly md5: string;
  readonly sha1: string;
  readonly sha256: string;
}

/** Bytes that have arrived whole and lie on the disk, but belong to nobody yet. */
export interface StagedBlob extends BlobDigests, AsyncDisposable {
  readonly path: string;
}

/**
 * Files by their SHA-256, `DATA/artifacts/ab/abcd…`. Several processes may share the folder.
 *
 * The table `blob` decides who needs a file: `claim` and `collect` take its row before they touch the file, so neither
 * can happen in the middle of the other.
 */
export interface BlobStore {
  /**
   * Takes bytes in, without knowing yet what they are for. Disposed of, they are gone unless they were claimed.
   *
   * @throws OtaError LIMIT_EXCEEDED for more than `maxBytes`, NO_SPACE, IO_FAILED; or what the source throws
   */
  receive(source: AsyncIterable<Uint8Array>, limits: { maxBytes: number; signal?: AbortSignal }): Promise<StagedBlob>;
  /** Keeps a blob, in the transaction that writes down what needs it. May be repeated. */
  claim(tx: Transaction<Schema>, blob: StagedBlob, now: number): Promise<void>;
  /** @throws OtaError NOT_FOUND, IO_FAILED */
  open(sha256: string): Promise<FileAccess>;
  /** Removes what nothing needs any more, and what was left of uploads. @returns how many blobs */
  collect(now: number): Promise<number>;
}

/** Nothing is collected that was needed so recently: the clocks of processes differ. Milliseconds. */
const UNCLAIMED_MS = 3_600_000;
/** No upload takes so long. */
const STALE_UPLOAD_MS = 24 * 3_600_000;
const FOLDER_MODE = 0o700;

export function openBlobStore(database: Database, dataDirectory: string): BlobStore {
  const root = join(dataDirectory, 'artifacts');
  const incoming = join(root, 'incoming');
  const folderOf = (sha256: string) => join(root, sha256.slice(0, 2));
  const pathOf = (sha256: string) => join(folderOf(sha256), sha256);

  return {
    async receive(source, { maxBytes, signal }) {
      await mkdir(incoming, { recursive: true, mode: FOLDER_MODE }).catch((error: unknown) => {
        throw ioError(error, incoming);
      });
      const path = join(incoming, randomUUID());
      const dispose = () => rm(path, { force: true });
      try {
        const digests = await writeThrough(path, source, { maxBytes, ...(signal && { signal }) });
        return { ...digests, path, [Symbol.asyncDispose]: dispose };
      } catch (error) {
        await dispose();
        throw error;
      }
    },
    async claim(tx, { sha256, size, path }, now) {
      await tx
        .insertInto('blob')
        .values({ sha256, size, claimed_at: now })
        .onConflict((known) => known.column('sha256').doUpdateSet({ claimed_at: now }))
        .execute();
      try {
        await mkdir(folderOf(sha256), { recursive: true, mode: FOLDER_MODE });
        await rename(path, pathOf(sha256));
        await syncDirectory(folderOf(sha256));
        await syncDirectory(root);
      } catch (error) {
        // A repeated transaction has moved it already.
        if (systemCode(error) !== 'ENOENT' || (await modifiedAt(pathOf(sha256))) === undefined)
          throw ioError(error, pathOf(sha256));
      }
    },
    open: (sha256) => openFile(pathOf(sha256)),
    async collect(now) {
      const before = now - UNCLAIMED_MS;
      await removeStale(incoming, now - STALE_UPLOAD_MS);
      await adoptStrays(database, root, { before, now });
      const unneeded = await database.sql
        .selectFrom('blob')
        .select('sha256')
        .where('claimed_at', '<', before)
        .where('sha256', 'not in', (query) => query.selectFrom('artifact').select('sha256'))
        .where('sha256', 'not in', (query) => query.selectFrom('artifact_cut').select('sha256'))
        .execute();
      let removed = 0;
      for (const { sha256 } of unneeded) {
        removed += await database.transaction((tx) => removeUnneeded(tx, { sha256, path: pathOf(sha256), before }));
      }
      return removed;
    },
  };
}

async function removeUnneeded(
  tx: Transaction<Schema>,
  { sha256, path, before }: { sha256: string; path: string; before: number },
): Promise<number> {
  // Takes the row: a claim of another process is waited for here, and has then made it too young.
  const { numUpdatedRows } = await tx
    .updateTable('blob')
    .set(({ ref }) => ({ claimed_at: ref('claimed_at') }))
    .where('sha256', '=', sha256)
    .where('claimed_at', '<', before)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return 0;
  for (const table of ['artifact', 'artifact_cut'] as const) {
    if ((await tx.selectFrom(table).select('id').where('sha256', '=', sha256).executeTakeFirst()) !== undefined)
      return 0;
  }
  await rm(path, { force: true });
  await tx.deleteFrom('blob').where('sha256', '=', sha256).execute();
  return 1;
}

/** Uploads that a process died over. */
async function removeStale(incoming: string, before: number): Promise<void> {
  for (const name of await namesIn(incoming)) {
    const path = join(incoming, name);
    if (((await modifiedAt(path)) ?? before) < before) await rm(path, { force: true });
  }
}

/** Files whose claim was rolled back get a row, so that they are collected in their turn. */
async function adoptStrays(
  { sql }: Pick<Database, 'sql'>,
  root: string,
  { before, now }: { before: number; now: number },
): Promise<void> {
  for (const folder of (await namesIn(root)).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
    const names = (await namesIn(join(root, folder))).filter((name) => /^[0-9a-f]{64}$/.test(name));
    for (const part of chunksOf(names, 1)) {
      const rows = await sql.selectFrom('blob').select('sha256').where('sha256', 'in', part).execute();
      const known = new Set(rows.map(({ sha256 }) => sha256));
      for (const sha256 of part.filter((name) => !known.has(name))) {
        const stats = await stat(join(root, folder, sha256)).catch(() => undefined);
        if (stats === undefined || stats.mtimeMs >= before) continue;
        await sql
          .insertInto('blob')
          .values({ sha256, size: stats.size, claimed_at: now })
          .onConflict((taken) => taken.column('sha256').doNothing())
          .execute();
      }
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw ioError(error, folder);
  }
}

/** @returns undefined when it is gone */
async function modifiedAt(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.mtimeMs;
}

/** One pass over the bytes: onto the disk, synced, and through three hashes. */
async function writeThrough(
  path: string,
  source: AsyncIterable<Uint8Array>,
  { maxBytes, signal }: { maxBytes: number; signal?: AbortSignal },
): Promise<BlobDigests> {
  const hashes = { md5: createHash('md5'), sha1: createHash('sha1'), sha256: createHash('sha256') };
  let size = 0;
  await using file = await createFile(path);
  for await (const chunk of untilAborted(source, signal)) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new OtaError('LIMIT_EXCEEDED', `the file is larger than ${maxBytes} bytes`);
    for (const hash of Object.values(hashes)) hash.update(chunk);
    await file.write(chunk);
  }
  await file.sync();
  return {
    size,
    md5: hashes.md5.digest('hex'),
    sha1: hashes.sha1.digest('hex'),
    sha256: hashes.sha256.digest('hex'),
  };
}

async function createFile(path: string) {
  const failed = (error: unknown) => {
    throw ioError(error, path);
  };
  const handle = await open(path, 'wx', 0o600).catch(failed);
  return {
    async write(bytes: Uint8Array): Promise<void> {
      for (let done = 0; done < bytes.byteLength; ) {
        done += (await handle.write(bytes, done).catch(failed)).bytesWritten;
      }
    },
    sync: () => handle.sync().catch(failed),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}
