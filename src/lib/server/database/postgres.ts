import { Kysely, PostgresDialect } from 'kysely';
import type { Pool } from 'pg';
import { OtaError } from '../../core/errors.js';
import type { Database } from './database.js';
import { migrate } from './migrate.js';
import { type Channel, Notifications } from './notifications.js';
import type { Schema } from './schema.js';

const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 10_000;
/** 8-byte integers, which fit a number here: counts, times, identifiers. */
const INT8 = 20;
const MAX_ATTEMPTS = 5;
/** Serialization failure and deadlock: the transaction has done nothing and may run again (PostgreSQL, appendix A). */
const REPEATABLE = new Set(['40001', '40P01']);

/** A database that several server processes share. */
export interface PostgresDatabase extends Database {
  readonly kind: 'postgres';
  /** For what needs a connection of its own: advisory locks, LISTEN. */
  readonly pool: Pool;
  /** Calls back when a process of the server says so on a channel, at its commit (`select pg_notify`). Returns what ends it. */
  listen(channel: Channel, listener: () => void): () => void;
}

/**
 * @param url `postgres://user@host/database`; the password may come from PGPASSWORD-like configuration of the caller
 * @throws OtaError NETWORK_FAILED, AUTHENTICATION_FAILED; STORE_MISMATCH when a newer release has written it
 */
export async function openPostgres(url: URL, password?: string): Promise<PostgresDatabase> {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({
    host: decodeURIComponent(url.hostname),
    port: url.port === '' ? 5432 : Number(url.port),
    database: decodeURIComponent(url.pathname.slice(1)) || 'postgres',
    user: decodeURIComponent(url.username) || 'postgres',
    password: password ?? decodeURIComponent(url.password),
    ssl: url.searchParams.get('sslmode') === 'require' || url.searchParams.get('sslmode') === 'verify-full',
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'ota-fleet',
    types: {
      getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
        oid === INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')) as never,
    },
  });
  // A connection that breaks while idle is replaced by the next query.
  pool.on('error', () => undefined);
  const sql = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  const notifications = new Notifications(pool);
  const database: PostgresDatabase = {
    kind: 'postgres',
    sql,
    pool,
    listen: (channel, listener) => notifications.listen(channel, listener),
    transaction: (work) => repeated(() => sql.transaction().execute(work)),
    async [Symbol.asyncDispose]() {
      await notifications.close();
      await sql.destroy();
    },
  };
  try {
    await migrate(database);
  } catch (error) {
    await sql.destroy();
    throw error instanceof OtaError ? error : connectionError(error, url);
  }
  return database;
}

async function repeated<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !REPEATABLE.has((error as { code?: string }).code ?? '')) throw error;
    }
  }
}

function connectionError(error: unknown, { host, pathname }: URL): unknown {
  const { code = '', message } = error as Error & { code?: string };
  const name = `postgres://${host}${pathname}`;
  if (/^(28|3D000)/.test(code)) {
    return new OtaError('AUTHENTICATION_FAILED', `${name}: ${message}`, ['Check user, password and database.']);
  }
  if (/^(E|08|57P)/.test(code) || /timeout|terminated/i.test(message)) {
    return new OtaError('NETWORK_FAILED', `${name}: ${message}`, ['Check that PostgreSQL runs there.']);
  }
  return error;
}
