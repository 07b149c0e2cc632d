import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { backupServer } from '../../../../src/lib/server/backup/backup-server.js';
import { restoreServer } from '../../../../src/lib/server/backup/restore-server.js';
import { somePlan } from '../../../support/rollout-plan.js';
import { startTestServer, type TestServer } from '../server-fixture.js';

const OPTIONS = { createdAt: new Date('2026-01-05T06:00:00Z'), version: '0.0.0-test' };

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'ota-test-backup-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function tenantsOf({ running }: TestServer): Promise<string[]> {
  const rows = await running.context.database.sql.selectFrom('tenant').select('name').orderBy('name').execute();
  return rows.map(({ name }) => name);
}

test('a server that is restored from a backup of a running one has its tenants and takes its tokens', async () => {
  const [backup, restored] = [join(folder(), 'backup'), join(folder(), 'data')];
  const server = await startTestServer();
  const token = { authorization: `Bearer ${server.token('admin')}` };
  const manifest = await backupServer(server.running.context.dataDirectory, backup, OPTIONS);
  expect(manifest.files.map(({ path }) => path)).toContain('fleet.db');
  await restoreServer(backup, restored, { isDryRun: false });
  const again = await startTestServer({ dataDirectory: restored });
  expect(await tenantsOf(again)).toEqual(await tenantsOf(server));
  expect(await again.call('GET', '/metrics', { as: token })).toMatchObject({ status: 200 });
  expect(again.running.firstStart).toBeUndefined();
});

test('a campaign is in a backup with its plan and journal, and goes on where it is restored', async () => {
  const [backup, restored] = [join(folder(), 'backup'), join(folder(), 'data')];
  const server = await startTestServer();
  const plan = somePlan();
  await server.call('POST', '/api/v1/campaigns', { body: plan });
  await backupServer(server.running.context.dataDirectory, backup, OPTIONS);
  await restoreServer(backup, restored, { isDryRun: false });
  const again = await startTestServer({ dataDirectory: restored });
  const path = `/api/v1/campaigns/${plan.name}`;
  for (const part of ['', '/plan', '/journal']) {
    expect((await again.call('GET', `${path}${part}`)).body).toEqual((await server.call('GET', `${path}${part}`)).body);
  }
  await again.running.runJobs();
  // The token that began it was made for the test and is there; the release of the plan is not.
  expect((await again.call('GET', path)).body.head.seq).toBeGreaterThan(1);
});

test('a backup with one changed bit is refused, and nothing is made from it', async () => {
  const [backup, restored] = [join(folder(), 'backup'), join(folder(), 'data')];
  const server = await startTestServer();
  await backupServer(server.running.context.dataDirectory, backup, OPTIONS);
  const database = readFileSync(join(backup, 'fleet.db'));
  database[database.length - 1]! ^= 1;
  writeFileSync(join(backup, 'fleet.db'), database);
  for (const isDryRun of [true, false]) {
    await expect(restoreServer(backup, restored, { isDryRun })).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  }
  expect(existsSync(restored)).toBe(false);
  expect(readdirSync(join(restored, '..'))).toEqual([]);
});

test('a manifest cannot lead out of the backup', async () => {
  const backup = folder();
  const file = { path: '../secret', size: 1, sha256: '0'.repeat(64) };
  const manifest = { spec: 'ota-fleet-backup/1', createdAt: '2026-01-05T06:00:00.000Z', version: '1', files: [file] };
  writeFileSync(join(backup, 'backup.json'), JSON.stringify(manifest));
  await expect(restoreServer(backup, join(folder(), 'data'), { isDryRun: false })).rejects.toMatchObject({
    code: 'STORE_DAMAGED',
    message: expect.stringContaining('expected a path below the backup'),
  });
});

test('what a server has is never replaced, and a folder without a server is no source', async () => {
  const [backup, used] = [join(folder(), 'backup'), folder()];
  const server = await startTestServer();
  await backupServer(server.running.context.dataDirectory, backup, OPTIONS);
  writeFileSync(join(used, 'fleet.db'), 'mine');
  await expect(restoreServer(backup, used, { isDryRun: false })).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  expect(readFileSync(join(used, 'fleet.db'), 'utf8')).toBe('mine');
  await expect(backupServer(folder(), join(folder(), 'x'), OPTIONS)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(restoreServer(folder(), join(folder(), 'x'), { isDryRun: false })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});
