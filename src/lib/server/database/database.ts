import type { Kysely, Transaction } from 'kysely';
import type { Schema } from './schema.js';

/** Where a fleet server keeps its state. */
export interface Database extends AsyncDisposable {
  readonly kind: 'sqlite' | 'postgres';
  readonly sql: Kysely<Schema>;
  /**
   * Runs `work` in one transaction. On PostgreSQL one that lost against another process is repeated, so `work` must have
   * no effects but those on `tx`. Within it use `tx` only: on SQLite there is one connection.
   */
  transaction<T>(work: (tx: Transaction<Schema>) => Promise<T>): Promise<T>;
}

/** The database itself or a transaction in it: for what may run in either. */
export type Queryable = Kysely<Schema>;
