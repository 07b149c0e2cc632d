import type { Migration } from 'kysely/migration';
import { firstTables } from './migration-0001.js';
import { campaignTables } from './migration-0002.js';
import type { TableMaker } from './table-maker.js';
import { tableMaker } from './table-maker.js';

/**
 * Every step that the tables have gone through, by name and in order. A step that was released is never edited: a change
 * is another step.
 */
const STEPS: Readonly<Record<string, (make: TableMaker) => Promise<void>>> = {
  '0001-first-tables': firstTables,
  '0002-campaigns': campaignTables,
};

export function migrationsFor(kind: 'sqlite' | 'postgres'): Record<string, Migration> {
  return Object.fromEntries(
    Object.entries(STEPS).map(([name, step]) => [name, { up: (db) => step(tableMaker(db, kind)) }]),
  );
}
