import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../../../src/lib/server/database/database.js';
import { GroupCommit } from '../../../../src/lib/server/database/group-commit.js';
import { openSqlite } from '../../../../src/lib/server/database/sqlite.js';

async function openDatabase(): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), 'ota-test-commit-'));
  const database = await openSqlite(join(folder, 'fleet.db'));
  onTestFinished(async () => {
    await database[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  return database;
}

/** However long its works take. */
function oneBatch(db: Database['sql']): Pick<Database, 'transaction'> {
  const commits = new GroupCommit(db, { maxBatchMs: Number.POSITIVE_INFINITY });
  return { transaction: (work) => commits.transaction(work) };
}

function addTenant(database: Pick<Database, 'transaction'>, name: string): Promise<number> {
  return database.transaction(async (tx) => {
    const row = tx.insertInto('tenant').values({ name, created_at: 0 }).returning('id');
    return (await row.executeTakeFirstOrThrow()).id;
  });
}

async function names({ sql: db }: Pick<Database, 'sql'>): Promise<string[]> {
  return (await db.selectFrom('tenant').select('name').orderBy('id').execute()).map(({ name }) => name);
}

describe('works that come together', () => {
  test('are all done, in order, and each resolves to its own result', async () => {
    const database = await openDatabase();
    const wanted = Array.from({ length: 300 }, (_, index) => `t${index}`);
    const ids = await Promise.all(wanted.map((name) => addTenant(database, name)));
    expect(ids).toEqual(wanted.map((_, index) => index + 1));
    expect(await names(database)).toEqual(wanted);
  });

  test('fail alone: what one did before it failed is undone, and the others stay', async () => {
    const database = await openDatabase();
    const failing = database.transaction(async (tx) => {
      await tx.insertInto('tenant').values({ name: 'half', created_at: 0 }).execute();
      throw new Error('no');
    });
    const results = await Promise.allSettled([
      addTenant(database, 'a'),
      failing,
      addTenant(database, 'a'), // the name is taken
      addTenant(database, 'b'),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(await names(database)).toEqual(['a', 'b']);
  });

  test('are all told when the commit that holds them fails, and the next ones are not affected', async () => {
    const { sql: db } = await openDatabase();
    const database = { sql: db, ...oneBatch(db) };
    const results = await Promise.allSettled([
      addTenant(database, 'a'),
      database.transaction((tx) => sql`rollback`.execute(tx)), // as a full disk does
      addTenant(database, 'b'),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(await names(database)).toEqual(['b']);
  });

  test('are refused when none can begin, and the next ones are not', async () => {
    const database = await openDatabase();
    await sql`begin`.execute(database.sql); // as a rollback that failed leaves it
    await expect(addTenant(database, 'a')).rejects.toThrow(/within a transaction/);
    await addTenant(database, 'b');
    expect(await names(database)).toEqual(['b']);
  });

  test('do not hide from reads what they have committed', async () => {
    const database = await openDatabase();
    const reads: number[] = [];
    for (let index = 0; index < 20; index++) {
      const adding = Promise.all([addTenant(database, `x${index}`), addTenant(database, `y${index}`)]);
      reads.push((await names(database)).length % 2);
      await adding;
    }
    // Both of a pair or none: a read never sees the middle of a transaction that two works share.
    expect(reads).toEqual(reads.map(() => 0));
  });
});
