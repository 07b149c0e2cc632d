import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDevices } from '../../../../src/lib/server/devices/create-devices.js';
import { openHttpSink } from '../../../../src/lib/telemetry/http-sink.js';
import { OTHER_TENANT, startTestServer, type TestServer } from '../server-fixture.js';
import { reading } from './log-fixture.js';

let server: TestServer;
const tokens = new Map<string, string>();

beforeAll(async () => {
  server = await startTestServer({ isShared: true });
  for (const [tenant, names] of [
    ['DEFAULT', ['truck-7', 'truck-8']],
    [OTHER_TENANT, ['truck-7', 'theirs']],
  ] as const) {
    await makeDevices(tenant, names);
  }
});
afterAll(() => server.stop());

async function makeDevices(tenantName: string, names: readonly string[]): Promise<void> {
  const { database } = server.running.context;
  await database.transaction(async (tx) => {
    const { id } = await tx.selectFrom('tenant').select('id').where('name', '=', tenantName).executeTakeFirstOrThrow();
    const devices = names.map((controllerId) => ({ controllerId }));
    const made = await createDevices(tx, devices, { tenantId: id, createdBy: 'test', now: 0, existing: 'refuse' });
    for (const { controllerId, securityToken } of made.created)
      tokens.set(`${tenantName}/${controllerId}`, securityToken!);
  });
}

async function post(
  path: string,
  text: string,
  authorization: string,
): Promise<{ status: number; body: ReturnType<typeof JSON.parse>; retryAfter: string | null }> {
  const headers = { authorization, 'content-type': 'application/x-ndjson' };
  const response = await fetch(`${server.url}${path}`, { method: 'POST', headers, body: text });
  return { status: response.status, body: await response.json(), retryAfter: response.headers.get('retry-after') };
}

const lines = (...messages: object[]) => messages.map((message) => `${JSON.stringify(message)}\n`).join('');
const asOperator = (tenant?: string) => `Bearer ${server.token('operator', tenant)}`;
const asDevice = (name: string) => `TargetToken ${tokens.get(name)}`;
const kept = async (device: string, tenant?: string) => {
  const { body } = await server.call('GET', `/api/v1/devices/${device}/telemetry?order=oldest`, {
    ...(tenant && { tenant }),
  });
  return body.messages.map((message: { body: { messageId: string } }) => message.body.messageId);
};

describe('telemetry over HTTP', () => {
  test('is kept for devices of the tenant, once, and found by device and time', async () => {
    const text = lines(
      reading('a', { timestamp: '2026-01-05T06:00:02Z' }),
      reading('b'),
      reading('c', { deviceId: 'truck-8' }),
    );
    const first = await post('/api/v1/telemetry', text, asOperator());
    expect(first).toMatchObject({
      status: 200,
      body: { accepted: 3, duplicates: 0, conflicts: 0, refused: 0, problems: [] },
    });
    expect(await post('/api/v1/telemetry', text, asOperator())).toMatchObject({ status: 200, body: { duplicates: 3 } });
    expect(await kept('truck-7')).toEqual(['b', 'a']);
    const page = await server.call('GET', '/api/v1/devices/truck-7/telemetry?limit=1');
    expect(page.body).toMatchObject({
      messages: [{ device: 'truck-7', type: 'position', time: '2026-01-05T06:00:02.000Z' }],
    });
    const next = await server.call('GET', `/api/v1/devices/truck-7/telemetry?limit=1&cursor=${page.body.cursor}`);
    expect(next.body.messages.map((message: { body: object }) => message.body)).toMatchObject([{ messageId: 'b' }]);
    expect(next.body.cursor).toBeUndefined();
    const later = '/api/v1/devices/truck-7/telemetry?from=2026-01-05T06:00:00Z&type=position';
    expect((await server.call('GET', later)).body.messages).toHaveLength(1);
  });

  test('tells a conflict from a repetition', async () => {
    await post('/api/v1/telemetry', lines(reading('conflict', { speed: 1 })), asOperator());
    const answer = await post('/api/v1/telemetry', lines(reading('conflict', { speed: 2 })), asOperator());
    expect(answer).toMatchObject({
      status: 200,
      body: { accepted: 0, conflicts: 1, problems: [{ line: 1, kind: 'conflict' }] },
    });
    expect(server.logged.join('\n')).toContain('other messages have the same ids');
  });

  test('of tenants never collides, and is theirs alone', async () => {
    await post('/api/v1/telemetry', lines(reading('shared', { of: 'DEFAULT' })), asOperator());
    const theirs = await post(
      '/api/v1/telemetry',
      lines(reading('shared', { of: OTHER_TENANT })),
      asOperator(OTHER_TENANT),
    );
    expect(theirs.body).toMatchObject({ accepted: 1, conflicts: 0 });
    expect(await kept('truck-7', OTHER_TENANT)).toEqual(['shared']);
    expect(await server.call('GET', '/api/v1/devices/theirs/telemetry')).toMatchObject({ status: 404 });
    const foreign = await post('/api/v1/telemetry', lines(reading('x', { deviceId: 'theirs' })), asOperator());
    expect(foreign).toMatchObject({ status: 400, body: { error: { code: 'MESSAGES_REFUSED' } } });
    expect(await kept('theirs', OTHER_TENANT)).toEqual([]);
  });

  test('of an oversized id is 400, beside good lines a refused line', async () => {
    const long = reading('x'.repeat(513));
    const alone = await post('/api/v1/telemetry', lines(long), asOperator());
    expect(alone).toMatchObject({ status: 400 });
    expect(alone.body.error.message).toContain('line 1: messageId is longer than 512 bytes');
    const mixed = await post('/api/v1/telemetry', lines(reading('beside'), long), asOperator());
    expect(mixed).toMatchObject({
      status: 200,
      body: { accepted: 1, refused: 1, problems: [{ line: 2, kind: 'refused' }] },
    });
  });

  test('of unknown devices is refused, unless the tenant lets them register', async () => {
    const text = lines(reading('new-1', { deviceId: 'new-truck' }), reading('new-2'));
    expect((await post('/api/v1/telemetry', text, asOperator())).body).toMatchObject({ accepted: 1, refused: 1 });
    const { database, tenantSettings } = server.running.context;
    const { id } = await database.sql
      .selectFrom('tenant')
      .select('id')
      .where('name', '=', 'DEFAULT')
      .executeTakeFirstOrThrow();
    const setting = { tenant_id: id, name: 'telemetry.newDevices.enabled', value: 'true' };
    await database.sql.insertInto('tenant_setting').values(setting).execute();
    tenantSettings.forget(id);
    expect((await post('/api/v1/telemetry', text, asOperator())).body).toMatchObject({
      accepted: 1,
      duplicates: 1,
      refused: 0,
    });
    expect(await kept('new-truck')).toEqual(['new-1']);
  });

  test('of a device is its own only', async () => {
    const path = '/DEFAULT/telemetry/v1/truck-8';
    const own = await post(path, lines({ messageId: 'own', speed: 3 }), asDevice('DEFAULT/truck-8'));
    expect(own).toMatchObject({ status: 200, body: { accepted: 1 } });
    const before = await kept('truck-8');
    const other = lines({ messageId: 'foreign' });
    expect(await post(path, other, asDevice('DEFAULT/truck-7'))).toMatchObject({ status: 404 });
    expect(await post(path, other, asDevice(`${OTHER_TENANT}/theirs`))).toMatchObject({ status: 404 });
    expect(await post(path, lines(reading('named')), asDevice('DEFAULT/truck-8'))).toMatchObject({ status: 400 });
    expect(await kept('truck-8')).toEqual(before);
  });

  test('shows that a device lives', async () => {
    const { database, lastSeen } = server.running.context;
    await post('/api/v1/telemetry', lines(reading('sign-of-life')), asOperator());
    await lastSeen.flush();
    const row = await database.sql
      .selectFrom('device')
      .select('is_online')
      .where('controller_id', '=', 'truck-7')
      .executeTakeFirstOrThrow();
    expect(row.is_online).toBe(1);
  });

  test('is refused where it is too much or nothing', async () => {
    expect(await post('/api/v1/telemetry', '', asOperator())).toMatchObject({ status: 400 });
    expect(await post('/api/v1/telemetry', '\n'.repeat(100_001), asOperator())).toMatchObject({ status: 413 });
    expect(await post('/api/v1/telemetry', 'x'.repeat(16 * 1024 ** 2 + 1), asOperator())).toMatchObject({
      status: 413,
    });
    const room = server.running.context.telemetry.reserve(64 * 1024 ** 2);
    expect(await post('/api/v1/telemetry', lines(reading('later')), asOperator())).toMatchObject({
      status: 503,
      retryAfter: '1',
    });
    room[Symbol.dispose]();
    expect(await post('/api/v1/telemetry', lines(reading('later')), asOperator())).toMatchObject({ status: 200 });
  });

  test('arrives from fleet replay', async () => {
    const url = new URL(`${server.url}/api/v1/telemetry`);
    const credential = { origin: url.origin, token: server.token('operator') };
    const sink = await openHttpSink({ kind: 'http', url }, { policy: { credential } });
    const messages = ['r1', 'r2'].map((id) => ({ id, line: Buffer.from(JSON.stringify(reading(id))) }));
    const accepted = { count: 2, runs: [], messages: () => messages };
    await sink.write(accepted, { source: 'test' }, new AbortController().signal);
    await sink.close();
    expect(await kept('truck-7')).toEqual(expect.arrayContaining(['r1', 'r2']));
  });
});
