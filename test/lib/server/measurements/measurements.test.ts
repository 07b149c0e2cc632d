import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDevices } from '../../../../src/lib/server/devices/create-devices.js';
import type { MeasurementRequest } from '../../../../src/lib/wire/measurements.js';
import { OTHER_TENANT, startTestServer, type TestServer } from '../server-fixture.js';

const MINUTE_MS = 60_000;

let server: TestServer;
/** Devices of a test have names of their own. */
let round = 0;

beforeAll(async () => {
  server = await startTestServer({ isShared: true });
});
afterAll(() => server.stop());
beforeEach(() => {
  round++;
  server.advance(3_600_000);
});

const now = () => server.running.context.clock.now().getTime();
const named = (name: string) => `r${round}-${name}`;
const OURS = () => `controllerId==${named('*')}`;

async function addDevices(names: readonly string[], tenantName = 'DEFAULT'): Promise<Map<string, number>> {
  return server.running.context.database.transaction(async (tx) => {
    const { id } = await tx.selectFrom('tenant').select('id').where('name', '=', tenantName).executeTakeFirstOrThrow();
    const devices = names.map((name) => ({ controllerId: named(name) }));
    const options = { tenantId: id, createdBy: 'test', now: now(), existing: 'refuse' } as const;
    const { created } = await createDevices(tx, devices, options);
    return new Map(created.map((device, index) => [names[index]!, device.id]));
  });
}

let messageCount = 0;

async function tell(device: string, messages: readonly object[], tenant?: string): Promise<void> {
  const lines = messages.map((message) =>
    JSON.stringify({ messageId: `m${messageCount++}`, deviceId: named(device), ...message }),
  );
  const response = await fetch(`${server.url}/api/v1/telemetry`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.token('operator', tenant)}`,
      'content-type': 'application/x-ndjson',
    },
    body: `${lines.join('\n')}\n`,
  });
  expect(response.status, await response.text()).toBe(200);
}

/** What a device says on its topic `events`, as the broker keeps it. */
async function alert(device: string, body: Record<string, unknown>): Promise<void> {
  const { database, events } = server.running.context;
  const event = { tenantId: 1, type: 'alert', device: named(device), time: now(), body } as const;
  await database.transaction((tx) => events.append(tx, [event]));
}

async function measure(request: Omit<MeasurementRequest, 'since'> & { since?: number }, tenant?: string) {
  const body = { since: now() - 10 * MINUTE_MS, ...request };
  const answer = await server.call('POST', '/api/v1/measurements', { body, as: 'viewer', ...(tenant && { tenant }) });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body;
}

const repeated = <T>(count: number, make: (index: number) => T) => Array.from({ length: count }, (_, i) => make(i));

describe('the share of messages that tell of an error', () => {
  test('counts telemetry and what devices say on their topic events', async () => {
    await addDevices(['a', 'b']);
    await tell('a', [...repeated(7, () => ({ type: 'metrics' })), { type: 'error' }]);
    await tell('b', [{ type: 'log', severity: 'Critical' }, { level: 'warning' }, { error: 'none', type: 'metrics' }]);
    await alert('a', { type: 'error', event: 'reported' });
    await alert('b', { type: 'door', event: 'opened' });
    const answer = await measure({ of: { kind: 'errorRate' }, where: OURS() });
    expect(answer).toEqual({ value: (100 * 3) / 13, sample: 13, devices: 2, isPartial: false });
  });

  test('is nothing where nobody told anything, or only before', async () => {
    await addDevices(['a']);
    const of = { kind: 'errorRate' } as const;
    expect(await measure({ of, where: OURS() })).toEqual({ value: null, sample: 0, devices: 1, isPartial: false });
    await tell('a', [{ type: 'error' }]);
    await alert('a', { type: 'error' });
    server.advance(11 * MINUTE_MS);
    expect(await measure({ of, where: OURS() })).toMatchObject({ value: null, sample: 0 });
  });

  test('goes by when a message came, whatever the clock of its device says', async () => {
    await addDevices(['a']);
    await tell('a', [
      { type: 'error', timestamp: '1970-01-01T00:00:00Z' },
      { type: 'metrics', timestamp: '2099-01-01T00:00:00Z' },
    ]);
    expect(await measure({ of: { kind: 'errorRate' }, where: OURS() })).toMatchObject({ value: 50, sample: 2 });
  });

  test('stands on the newest of many messages, and what was read stands for what was not', async () => {
    await addDevices(['loud', 'calm']);
    await tell(
      'loud',
      repeated(1_500, (i) => ({ type: i % 2 === 0 ? 'error' : 'metrics' })),
    );
    await tell(
      'calm',
      repeated(500, () => ({ type: 'metrics' })),
    );
    const answer = await measure({ of: { kind: 'errorRate' }, where: OURS() });
    expect(answer).toMatchObject({ sample: 1_500, devices: 2, isPartial: true });
    expect(answer.value).toBeCloseTo((100 * 750) / 2_000, 1);
  });
});

describe('a number in telemetry', () => {
  const p = (quantile: number | 'mean', path = ['cpu', 'load']) => ({ kind: 'metric', path, quantile }) as const;

  test('is taken by its path; what is no number there does not count', async () => {
    await addDevices(['a', 'b']);
    await tell(
      'a',
      repeated(100, (i) => ({ cpu: { load: 100 - i } })),
    );
    await tell('b', [{ cpu: { load: '5' } }, { cpu: 7 }, { cpu: { load: null } }, {}, { cpu: { load: 1000 } }]);
    const where = OURS();
    expect(await measure({ of: p(0.95), where })).toMatchObject({ value: 96, sample: 101, isPartial: false });
    expect(await measure({ of: p(0), where })).toMatchObject({ value: 1 });
    expect(await measure({ of: p(1), where })).toMatchObject({ value: 1000 });
    const mean = await measure({ of: p('mean'), where });
    expect(mean.value).toBeCloseTo((5050 + 1000) / 101, 6);
    expect(await measure({ of: p(0.5, ['__proto__', 'toString']), where })).toMatchObject({ value: null, sample: 0 });
  });
});

describe('whom it is about', () => {
  test('offline devices are counted among those chosen', async () => {
    const ids = await addDevices(['a', 'b', 'c', 'd']);
    const { sql } = server.running.context.database;
    await sql
      .updateTable('device')
      .set({ is_online: 1 })
      .where('id', 'in', [...ids.values()])
      .execute();
    await sql.updateTable('device').set({ is_online: 0 }).where('id', '=', ids.get('c')!).execute();
    expect(await measure({ of: { kind: 'offline' }, where: OURS() })).toEqual({
      ...{ value: 25, sample: 4, devices: 4, isPartial: false },
    });
  });

  test('devices of tags and rollouts, or all others', async () => {
    await addDevices(['a', 'b', 'c']);
    const tag = named('tag');
    const made = await server.call('POST', '/rest/v1/targettags', { body: [{ name: tag }] });
    await server.call('POST', `/rest/v1/targettags/${made.body[0].id}/assigned`, { body: [named('a')] });
    await tell('a', [{ n: 1 }]);
    await tell('b', [{ n: 2 }]);
    await tell('c', [{ n: 2 }]);
    const of = { kind: 'metric' as const, path: ['n'], quantile: 'mean' as const };
    const where = OURS();
    expect(await measure({ of, where, among: { tags: [tag] } })).toMatchObject({ value: 1, sample: 1, devices: 1 });
    expect(await measure({ of, where, outside: { tags: [tag] } })).toMatchObject({ value: 2, sample: 2, devices: 2 });
    expect(await measure({ of, where, among: { tags: [] } })).toMatchObject({ value: null, devices: 0 });
    expect(await measure({ of, where, outside: {} })).toMatchObject({ devices: 3 });
    expect(await measure({ of, where, among: { rollouts: [1e9] } })).toMatchObject({ devices: 0 });
  });

  test('of devices that have a set installed, only what came in since they have', async () => {
    const ids = await addDevices(['a', 'b']);
    const set = await server.call('POST', '/rest/v1/distributionsets', {
      body: [{ name: named('set'), version: '1', type: 'os', modules: [] }],
    });
    const installedSetId = set.body[0].id;
    await tell('a', [{ type: 'error' }]);
    await alert('a', { type: 'error' });
    server.advance(2 * MINUTE_MS);
    await server.running.context.database.sql
      .updateTable('device')
      .set({ installed_set_id: installedSetId, installed_at: now() })
      .where('id', '=', ids.get('a')!)
      .execute();
    server.advance(MINUTE_MS);
    await tell('a', [{ type: 'metrics' }]);
    await tell('b', [{ type: 'error' }]);
    const of = { kind: 'errorRate' } as const;
    expect(await measure({ of, where: OURS(), installedSetId })).toMatchObject({ value: 0, sample: 1, devices: 1 });
    expect(await measure({ of, where: OURS() })).toMatchObject({ value: 75, sample: 4, devices: 2 });
  });

  test('another tenant is never among them', async () => {
    await addDevices(['a']);
    await addDevices(['a'], OTHER_TENANT);
    await tell('a', [{ type: 'error' }], OTHER_TENANT);
    await tell('a', [{ type: 'metrics' }]);
    const of = { kind: 'errorRate' } as const;
    expect(await measure({ of, where: OURS() })).toMatchObject({ value: 0, sample: 1 });
    expect(await measure({ of, where: OURS() }, OTHER_TENANT)).toMatchObject({ value: 100, sample: 1 });
  });

  test('a filter that cannot be understood is refused', async () => {
    const body = { of: { kind: 'offline' }, since: 0, where: 'nonsense=!=1' };
    expect(await server.call('POST', '/api/v1/measurements', { body })).toMatchObject({ status: 400 });
  });
});

test('a stage that was given in ten thousand parts can be measured, and what is outside of it', async () => {
  await addDevices(['a', 'b']);
  const rollouts = repeated(10_000, (index) => 1_000_000 + index);
  const parts = { rollouts, tags: [] };
  const inside = await measure({ of: { kind: 'offline' }, where: OURS(), among: parts, outside: parts });
  expect(inside).toMatchObject({ value: null, devices: 0 });
  expect(await measure({ of: { kind: 'offline' }, where: OURS(), outside: parts })).toMatchObject({ devices: 2 });
});

test('a device that talks without end is heard no more than a thousand times', async () => {
  await addDevices(['a', 'b']);
  const { database, events } = server.running.context;
  const harmless = { tenantId: 1, type: 'alert', device: named('a'), time: now(), body: { event: 'fine' } } as const;
  await alert('b', { event: 'broken', type: 'error' });
  await database.transaction((tx) =>
    events.append(
      tx,
      repeated(1_500, () => harmless),
    ),
  );
  const told = await measure({ of: { kind: 'errorRate' }, where: OURS() });
  expect(told).toMatchObject({ value: 100 / 1_001, sample: 1_001 });
});
