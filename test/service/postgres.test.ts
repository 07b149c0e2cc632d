import { Client } from 'pg';
import { expect, test } from 'vitest';
import { startPostgres } from '../../scripts/services/postgres.mjs';
import { testFolder } from '../support/folder.js';

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined); // the server ends while it is connected
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test('a database is empty when it is made, and what was committed survives a crash', async () => {
  await using folder = await testFolder();
  const server = await startPostgres(folder.path, { durable: true });
  const url = await server.createDatabase();
  const tables = "select tablename from pg_tables where schemaname = 'public'";
  expect(await query(url, tables)).toEqual([]);
  await query(url, 'create table kept (n int); insert into kept values (7)');
  expect(await query(await server.createDatabase(), tables)).toEqual([]);
  await server.kill();

  const again = await startPostgres(folder.path);
  expect(again.url).toBe(server.url);
  expect(await query(url, 'select n from kept')).toEqual([{ n: 7 }]);
  await again.stop();
  await expect(query(url, 'select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('nobody gets in without the password', async () => {
  await using folder = await testFolder();
  const server = await startPostgres(folder.path);
  await expect(query(server.url.replace('loopback-only', 'guess'), 'select 1')).rejects.toMatchObject({
    code: '28P01',
  });
  await server.stop();
});
