import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ioError, systemCode } from '../../core/io-error.js';

/**
 * The log lies in SQLite files, each named after the first sequence number that may stand in it. Only the newest one is
 * written; the oldest one goes as a whole.
 *
 * `message.crc` is the CRC-32 of `line`: SQLite notices damage to its own structures, not to what is stored in them.
 * `arrival` has a row for each commit, so that a time finds its place.
 */
const SCHEMA = `
  create table if not exists message (
    seq integer primary key, tenant int not null, device text not null, time int not null, type text, crc int not null,
    line blob not null);
  create index if not exists message_by_device on message (tenant, device, time);
  create table if not exists arrival (seq integer primary key, time int not null);
`;

const NAME = /^(\d{15})\.db$/;

/** A file of the log. */
export interface GenerationFile {
  readonly path: string;
  /** Sequence numbers that may stand in it. The newest file's have no end. */
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** Oldest first. */
export function listGenerations(directory: string): GenerationFile[] {
  try {
    const found = readdirSync(directory)
      .filter((name) => NAME.test(name))
      .sort();
    const firstSeqs = found.map((name) => Number(NAME.exec(name)![1]));
    return found.map((name, index) => ({
      path: join(directory, name),
      firstSeq: firstSeqs[index]!,
      lastSeq: (firstSeqs[index + 1] ?? Number.MAX_SAFE_INTEGER) - 1,
    }));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw ioError(error, directory);
  }
}

export function generationPath(directory: string, firstSeq: number): string {
  return join(directory, `${String(firstSeq).padStart(15, '0')}.db`);
}

/** With what was not merged into it yet. */
export function generationBytes(path: string): number {
  return fileBytes(path) + fileBytes(`${path}-wal`);
}

function fileBytes(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Opens the file to write, or makes it. A transaction is durable when it has committed. */
export function openToWrite(path: string): DatabaseSync {
  const file = new DatabaseSync(path);
  try {
    file.exec(
      'pragma page_size = 8192; pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -32768;',
    );
    file.exec(`pragma wal_autocheckpoint = 2000; ${SCHEMA}`);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Readers see what is durable, and never wait for the writer nor it for them. */
export function openToRead(path: string): DatabaseSync {
  return new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
}
