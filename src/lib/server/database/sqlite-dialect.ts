import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely';
import { isDiskFailure, sqliteFailure } from './sqlite-failure.js';

/** Statements kept prepared; the server has fewer texts than that, but filters make new ones. */
const CACHED_STATEMENTS = 512;

/**
 * Kysely on Node's own SQLite.
 *
 * There is one connection, so whoever awaits a query outside of the transaction it belongs to, within that transaction,
 * waits for ever: use the transaction's own handle there.
 *
 * @param path for messages; what the disk refuses is an OtaError NO_SPACE or IO_FAILED
 */
export function sqliteDialect(database: DatabaseSync, path: string): SqliteDialect {
  return new SqliteDialect({ database: new CachedStatements(database, path) });
}

class CachedStatements implements SqliteDatabase {
  readonly #database: DatabaseSync;
  readonly #path: string;
  /** The first key is the one that was not used for the longest time. */
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
  }

  prepare(sql: string): SqliteStatement {
    if (sql === 'rollback' && !this.#database.isTransaction) return NOTHING;
    const statement = this.#statements.get(sql) ?? new Statement(this.#database.prepare(sql), this.#path);
    this.#statements.delete(sql);
    this.#statements.set(sql, statement);
    if (this.#statements.size > CACHED_STATEMENTS) this.#statements.delete(this.#statements.keys().next().value!);
    return statement;
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }
}

/** A full disk has rolled the transaction back already (lang_transaction.html, section 3); again, it would be the failure told of. */
const NOTHING: SqliteStatement = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [].values(),
};

class Statement implements SqliteStatement {
  readonly reader: boolean;
  readonly #statement: StatementSync;
  readonly #path: string;

  constructor(statement: StatementSync, path: string) {
    this.#statement = statement;
    this.#path = path;
    this.reader = statement.columns().length > 0;
  }

  all(parameters: readonly unknown[]): unknown[] {
    try {
      return this.#statement.all(...(parameters as SQLInputValue[]));
    } catch (error) {
      throw this.#failure(error);
    }
  }

  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint } {
    try {
      return this.#statement.run(...(parameters as SQLInputValue[]));
    } catch (error) {
      throw this.#failure(error);
    }
  }

  iterate(parameters: readonly unknown[]): IterableIterator<unknown> {
    return this.#statement.iterate(...(parameters as SQLInputValue[]));
  }

  #failure(error: unknown): unknown {
    return isDiskFailure(error) ? sqliteFailure(error, this.#path) : error;
  }
}
