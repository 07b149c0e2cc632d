import { copyFile, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import mqtt from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FleetProcess, startFleet } from '../support/fleet-process.js';
import { assignSet, makeSet, registerDevices } from '../support/fleet-software.js';
import { type TestFolder, testFolder } from '../support/folder.js';

const PRIVATE_MOUNTS = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
const PATIENCE = { timeout: 20_000, interval: 10 };
const MOUNT = 'mount -t tmpfs -o size=24m,mode=700 tmpfs "$1" && shift && exec "$@"';

let folder: TestFolder;
let server: FleetProcess;
let tokens: Map<string, string>;
let setId: number;

beforeAll(async () => {
  folder = await testFolder();
  const data = folder.file('data');
  await mkdir(data);
  server = await startFleet({ data, within: ['unshare', ...PRIVATE_MOUNTS, 'sh', '-c', MOUNT, 'sh', data] });
  await server.call('PUT', '/api/v1/settings/acceptedFormats', { body: { value: ['swu'] } });
  tokens = await registerDevices(server, ['pump-1', 'pump-2']);
  setId = await makeSet(server, { version: '1.0.0' });
});
afterAll(async () => {
  await server.end('SIGKILL');
  await folder[Symbol.asyncDispose]();
});

/** Takes all that is left, but some bytes. */
async function fill(leaving: number): Promise<void> {
  const path = join(server.data, 'filler');
  const file = await open(path, 'wx');
  const page = Buffer.alloc(4096);
  try {
    for (;;) await file.write(page);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
  await file.truncate(Math.max(0, (await file.stat()).size - leaving));
  await file.close();
}

const free = () => rm(join(server.data, 'filler'));
const own = (id: string) => ({ authorization: `TargetToken ${tokens.get(id)}` });

let serial = 0;
const telemetry = (ids: readonly string[]) => {
  const filling = 'x'.repeat(500);
  const lines = ids.map((messageId) => `${JSON.stringify({ messageId, deviceId: 'pump-1', filling })}\n`);
  const headers = { 'content-type': 'application/x-ndjson' };
  return server.call('POST', '/api/v1/telemetry', { body: lines.join(''), headers });
};
const register = (id: string) => server.call('POST', '/api/v1/devices', { body: [{ id }] });
const poll = (id: string) => server.call('GET', `/DEFAULT/controller/v1/${id}`, own(id));
const upload = async (moduleId: number, name: string, bytes: number) => {
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(bytes)]), name);
  return await server.call('POST', `/rest/v1/softwaremodules/${moduleId}/artifacts`, { body: form });
};
const feedback = (actionId: number, execution: string, finished: string) =>
  server.call('POST', `/DEFAULT/controller/v1/pump-1/deploymentBase/${actionId}/feedback`, {
    body: { timestamp: 1, status: { execution, result: { finished }, details: [`report ${serial++}`] } },
    ...own('pump-1'),
  });

/** @returns whether the broker has acknowledged it; false when it ended the connection instead */
async function publish(messageId: string): Promise<boolean> {
  const login = { username: 'DEFAULT/pump-2', clientId: 'pump-2', password: tokens.get('pump-2')! };
  const client = await mqtt.connectAsync(server.mqttUrl!, { ...login, reconnectPeriod: 0 });
  client.on('error', () => undefined);
  try {
    return await new Promise((done) => {
      client.once('close', () => done(false));
      client.publish('t/DEFAULT/devices/pump-2/telemetry', JSON.stringify({ messageId }), { qos: 1 }, (error) =>
        done(!error),
      );
    });
  } finally {
    client.end(true);
  }
}

async function keptOf(id: string): Promise<string[]> {
  const { body } = await server.call('GET', `/api/v1/devices/${id}/telemetry?limit=10000&order=oldest`);
  return body.messages.map(({ body: { messageId } }: { body: { messageId: string } }) => messageId);
}

test('on a full disk what must be kept is refused and not acknowledged, polls go on, and with room again all goes on', async () => {
  const actionId = await assignSet(server, 'pump-1', setId);
  const [{ id: moduleId }] = (
    await server.call('POST', '/rest/v1/softwaremodules', { body: [{ name: 'm', version: '1', type: 'os' }] })
  ).body;
  expect(await telemetry(['before'])).toMatchObject({ status: 200 });
  await fill(0);
  // What room is left in files that are there already may be used up first.
  const accepted: string[] = [];
  await expect
    .poll(async () => {
      const ids = [`t-${serial++}`, `t-${serial++}`];
      const { status } = await telemetry(ids);
      if (status === 200) accepted.push(...ids);
      return status;
    }, PATIENCE)
    .toBe(507);
  const registered: string[] = [];
  await expect
    .poll(async () => {
      const id = `new-${serial++}`;
      const { status } = await register(id);
      if (status === 201) registered.push(id);
      return status;
    }, PATIENCE)
    .toBe(507);
  expect(await upload(moduleId, 'large.swu', 1_000_000)).toMatchObject({ status: 507 });
  expect(await telemetry(['refused'])).toMatchObject({ status: 507 });
  expect(await publish('refused too')).toBe(false);
  expect(await feedback(actionId, 'proceeding', 'none')).toMatchObject({ status: 507 });
  expect(await poll('pump-1')).toMatchObject({ status: 200, body: { _links: { deploymentBase: expect.anything() } } });
  expect(await server.call('GET', '/readyz')).toMatchObject({ status: 200 });
  expect(await server.call('GET', '/api/v1/devices/pump-1')).toMatchObject({ status: 200 });

  await free();
  // Telemetry is tried again a second after a failure.
  await expect
    .poll(() => telemetry(['refused']), PATIENCE)
    .toMatchObject({ status: 200, body: { accepted: 1, duplicates: 0 } });
  expect(await publish('refused too')).toBe(true);
  expect(await upload(moduleId, 'large.swu', 1_000_000)).toMatchObject({ status: 201 });
  expect(await register('after')).toMatchObject({ status: 201 });
  expect(await feedback(actionId, 'closed', 'success')).toMatchObject({ status: 200 });
  const { body } = await server.call('GET', '/api/v1/devices?limit=1000');
  const names = body.items.map(({ id }: { id: string }) => id);
  expect(names).toEqual(['after', ...registered, 'pump-1', 'pump-2'].sort());
  expect(await keptOf('pump-1')).toEqual(['before', ...accepted, 'refused']);
  expect(await keptOf('pump-2')).toEqual(['refused too']);
});

test('whatever room is left, each request is done whole or refused', { timeout: 240_000 }, async () => {
  const kept = await keptOf('pump-1');
  const { body: before } = await server.call('GET', '/api/v1/devices?limit=1000');
  const names: string[] = before.items.map(({ id }: { id: string }) => id);
  for (const leaving of [0, 4096, 8192, 16_384, 40_960, 65_536, 200_000]) {
    await fill(leaving);
    const statuses: number[] = [];
    for (let round = 0; round < 12; round++) {
      const [id, messageId] = [`left-${serial++}`, `left-${serial++}`];
      const registered = await register(id);
      if (registered.status === 201) names.push(id);
      const sent = await telemetry([messageId]);
      if (sent.status === 200) kept.push(messageId);
      const polled = await poll('pump-2');
      statuses.push(registered.status, sent.status, polled.status);
    }
    expect(statuses.filter((status) => ![200, 201, 507].includes(status))).toEqual([]);
    await free();
    const messageId = `free-${serial++}`;
    await expect.poll(() => telemetry([messageId]), PATIENCE).toMatchObject({ status: 200 });
    kept.push(messageId);
  }
  const { body } = await server.call('GET', '/api/v1/devices?limit=1000');
  expect(body.items.map(({ id }: { id: string }) => id)).toEqual(names.sort());
  expect((await keptOf('pump-1')).sort()).toEqual(kept.sort());
  expect(await server.call('GET', '/api/v1/audit/verify')).toMatchObject({ body: { isIntact: true } });
  // Nobody writes now; SQLite itself does not find the way into the mounts of another process.
  for (const name of ['fleet.db', 'fleet.db-wal']) await copyFile(join(server.data, name), folder.file(name));
  const database = new DatabaseSync(folder.file('fleet.db'));
  expect(database.prepare('pragma integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
  database.close();
});
