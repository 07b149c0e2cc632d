import { Migrator } from 'kysely/migration';
import { OtaError } from '../../core/errors.js';
import type { Database } from './database.js';
import { migrationsFor } from './migrations.js';

/**
 * Brings the tables to the form that this release knows. Each step is a transaction, and on PostgreSQL processes that
 * start together wait for each other.
 *
 * @throws OtaError STORE_MISMATCH: a newer release has already changed them
 */
export async function migrate({ sql, kind }: Database): Promise<void> {
  const provider = { getMigrations: async () => migrationsFor(kind) };
  const { error } = await new Migrator({ db: sql, provider }).migrateToLatest();
  if (error === undefined) return;
  if (error instanceof Error && /previously executed migration .* is missing/.test(error.message)) {
    throw new OtaError('STORE_MISMATCH', 'the database was written by a newer release of fleet serve', [
      'Start the release that wrote it, or restore a backup from before.',
    ]);
  }
  throw error;
}
