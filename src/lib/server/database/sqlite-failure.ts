import { OtaError } from '../../core/errors.js';
import { escapeText } from '../../core/text.js';

/** Result codes: https://www.sqlite.org/rescode.html */
const SQLITE_IOERR_SHMSIZE = 4874;
/** Primary ones. */
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

/** Whether it was damage of the file that an operation failed for. */
export function isDamage(error: unknown): boolean {
  const code = primaryCode(error);
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB;
}

/** Whether it is the disk that would not have it, and not the statement that is wrong. */
export function isDiskFailure(error: unknown): boolean {
  const code = primaryCode(error);
  return code === SQLITE_FULL || code === SQLITE_IOERR || code === SQLITE_READONLY || code === SQLITE_CANTOPEN;
}

/** What SQLite could not do with a file, in the project's own words. */
export function sqliteFailure(error: unknown, path: string): OtaError {
  if (error instanceof OtaError) return error;
  const code = resultCode(error);
  if (code === undefined) throw error;
  const name = escapeText(path);
  const cause = { cause: error };
  // The index of the write-ahead log could not grow, which nothing but a full disk prevents.
  if (primaryCode(error) === SQLITE_FULL || code === SQLITE_IOERR_SHMSIZE)
    return new OtaError('NO_SPACE', `${name}: no space left on the device`, ['Free some space.'], cause);
  if (isDamage(error)) return new OtaError('STORE_DAMAGED', `${name}: ${(error as Error).message}`, [], cause);
  return new OtaError('IO_FAILED', `${name}: ${(error as Error).message}`, ['Check the disk.'], cause);
}

function primaryCode(error: unknown): number | undefined {
  const code = resultCode(error);
  return code === undefined ? undefined : code & 0xff;
}

function resultCode(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: number };
  return typeof errcode === 'number' ? errcode : undefined;
}
