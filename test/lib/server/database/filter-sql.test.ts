import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { compare } from '../../../../src/lib/query/filter.js';
import { parseFiql } from '../../../../src/lib/query/parse-fiql.js';
import { openSqlite } from '../../../../src/lib/server/database/sqlite.js';
import { expectSameBothWays, seedDevices, someDeviceFilter } from './filter-both-ways.js';

async function openDatabase() {
  const folder = mkdtempSync(join(tmpdir(), 'ota-test-filter-'));
  const database = await openSqlite(join(folder, 'fleet.db'));
  onTestFinished(async () => {
    await database[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  return database;
}

test('a filter chooses the same devices in the database as in memory', async () => {
  const database = await openDatabase();
  for (const seed of [1, 2, 3]) {
    const seeded = await seedDevices(database, seed);
    await fc.assert(
      fc.asyncProperty(someDeviceFilter, (filter) => expectSameBothWays(database, seeded, filter)),
      { numRuns: 150 },
    );
  }
});

test.each([
  'name==*',
  "description==''",
  'tags.name!=canary',
  "name=='\u{10ffff}*'",
  "name=='a%*'",
  "name=='*\\\\*'",
  'installedVersion<1.10;installedVersion>=1.2',
  'metadata.site=is=null',
  'controllerId==device-1*',
])('%s chooses the same devices in the database as in memory', async (fiql) => {
  const database = await openDatabase();
  await expectSameBothWays(database, await seedDevices(database, 7), parseFiql(fiql));
});

test('a pattern of many wildcards takes no longer than others', async () => {
  const database = await openDatabase();
  const seeded = await seedDevices(database, 1);
  seeded.devices.clear();
  await database.sql
    .updateTable('device')
    .set({ name: 'a'.repeat(128) })
    .execute();
  const started = performance.now();
  await expectSameBothWays(database, seeded, compare('name', '==', `${'*a'.repeat(60)}*b`));
  // With backtracking it would be hours.
  expect(performance.now() - started).toBeLessThan(5_000);
});
