import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { freePorts } from '../../scripts/services/ports.mjs';
import { randomNumbers } from '../../src/lib/core/random-numbers.js';
import { startTestServer } from '../lib/server/server-fixture.js';
import { startLoad } from '../support/fleet-load.js';
import { type FleetProcess, startFleet } from '../support/fleet-process.js';
import { makeSet } from '../support/fleet-software.js';
import { expectAllKept } from '../support/fleet-state.js';
import { testFolder } from '../support/folder.js';

const KILLS = 20;

test(`what was acknowledged is there once, and nothing is half, after ${KILLS} kills at random moments`, {
  timeout: 600_000,
}, async () => {
  await using folder = await testFolder();
  const data = folder.file('data');
  const random = randomNumbers(20261129);
  const [port, mqttPort] = await freePorts(2);
  const start = () => startFleet({ data, port: port!, mqttPort: mqttPort! });
  let server: FleetProcess = await start();
  let live = Promise.resolve(server);
  const body = { value: ['swu'] };
  expect(await server.call('PUT', '/api/v1/settings/acceptedFormats', { body })).toMatchObject({ status: 200 });
  const setId = await makeSet(server, { version: '1.0.0' });
  const load = startLoad({ server: () => live, token: server.adminToken, setId });
  for (let kill = 0; kill < KILLS; kill++) {
    await load.more(20 + Math.floor(random() * 200));
    await delay(random() * 20); // anywhere in what is under way
    live = server.end('SIGKILL').then(async () => {
      await expectWhole(data);
      return start();
    });
    server = await live;
  }
  await load.more(100);
  await load.stop();
  expect(load.acknowledged.closed.size).toBeGreaterThan(KILLS);
  expect(load.acknowledged.artifacts.size).toBeGreaterThan(KILLS);
  await expectAllKept(server, load);
  expect(await server.end('SIGTERM')).toBe(143);

  await expectWhole(data);
  // Days later everything was given back that uploads had left behind; what has no row gets one first.
  let now = Date.now() + 3 * 86_400_000;
  const later = await startTestServer({ dataDirectory: data, clock: { now: () => new Date(now) } });
  await later.running.runJobs();
  now += 86_400_000;
  await later.running.runJobs();
  const { sql } = later.running.context.database;
  const needed = await sql.selectFrom('artifact').select('sha256').execute();
  expect(await filesOf(join(data, 'artifacts'))).toEqual(needed.map(({ sha256 }) => sha256).sort());
});

/** Whatever was cut off is as if it had not begun. */
async function expectWhole(data: string): Promise<void> {
  const telemetry = join(data, 'telemetry');
  const generations = existsSync(telemetry) ? await readdir(telemetry) : [];
  const logs = generations.filter((name) => name.endsWith('.db')).map((name) => join(telemetry, name));
  for (const path of [join(data, 'fleet.db'), ...logs]) {
    expect(rowsOf(path, 'pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  }
  expect(rowsOf(join(data, 'fleet.db'), 'pragma foreign_key_check')).toEqual([]);
  expect(rowsOf(join(data, 'fleet.db'), 'select controller_id from device where token_hash is null')).toEqual([]);
}

function rowsOf(path: string, query: string): unknown[] {
  const database = new DatabaseSync(path);
  try {
    return database.prepare(query).all();
  } finally {
    database.close();
  }
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}
