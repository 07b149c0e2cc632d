import { open } from 'node:fs/promises';
import { Kysely } from 'kysely';
import { OtaError } from '../../core/errors.js';
import { ioError } from '../../core/io-error.js';
import { escapeText } from '../../core/text.js';
import type { Database } from './database.js';
import { GroupCommit } from './group-commit.js';
import { migrate } from './migrate.js';
import type { Schema } from './schema.js';
import { sqliteDialect } from './sqlite-dialect.js';

/**
 * Opens the database file of an embedded server, or makes it.
 *
 * A transaction is durable when it resolves: the write-ahead log is synced with each commit.
 *
 * @throws OtaError IO_FAILED when SQLite cannot open it; STORE_MISMATCH when a newer release has written it
 */
export async function openSqlite(path: string): Promise<Database> {
  // SQLite makes its files as the umask says; this one holds what only the server's owner may read.
  await makePrivateFile(path);
  const { DatabaseSync } = await import('node:sqlite');
  let file: InstanceType<typeof DatabaseSync>;
  try {
    file = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: 5_000 });
    file.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;');
  } catch (error) {
    throw new OtaError('IO_FAILED', `${escapeText(path)}: ${(error as Error).message}`, [], { cause: error });
  }
  const sql = new Kysely<Schema>({ dialect: sqliteDialect(file, path) });
  const commits = new GroupCommit(sql);
  const database: Database = {
    kind: 'sqlite',
    sql,
    transaction: (work) => commits.transaction(work),
    [Symbol.asyncDispose]: () => sql.destroy(),
  };
  try {
    await migrate(database);
  } catch (error) {
    await sql.destroy();
    throw error;
  }
  return database;
}

async function makePrivateFile(path: string): Promise<void> {
  try {
    const file = await open(path, 'a', 0o600);
    await file.close();
  } catch (error) {
    throw ioError(error, path);
  }
}
