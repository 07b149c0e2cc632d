import { createParser } from 'eventsource-parser';
import { expect, test } from 'vitest';
import { startPostgres } from '../../scripts/services/postgres.mjs';
import { createDevices } from '../../src/lib/server/devices/create-devices.js';
import { startTestServer, type TestServer } from '../lib/server/server-fixture.js';
import { reading } from '../lib/server/telemetry/log-fixture.js';
import { testFolder } from '../support/folder.js';

test('two servers over one PostgreSQL keep telemetry once, and each streams what the other took', async () => {
  await using folder = await testFolder();
  const postgres = await startPostgres(folder.path);
  try {
    const url = new URL(await postgres.createDatabase());
    const one = await startTestServer({ postgres: { url } });
    const other = await startTestServer({ postgres: { url } });
    await makeDevices(one, ['truck-7', 'truck-8']);

    const live = await fetch(`${other.url}/api/v1/events`, {
      headers: { authorization: `Bearer ${other.token('viewer')}` },
    });
    expect(live.status).toBe(200);
    const events = received(live.body!);
    const messages = [
      reading('a', { text: 'ü', timestamp: '2026-01-05T06:00:01Z' }),
      reading('b'),
      reading('a', { text: 'other' }),
    ];
    expect(await send(one, messages)).toMatchObject({
      accepted: 2,
      duplicates: 0,
      conflicts: 1,
      problems: [{ line: 3, kind: 'conflict' }],
    });
    const seen = [(await events.next()).value!, (await events.next()).value!];
    expect(seen.map(({ data }) => data.body)).toEqual(messages.slice(0, 2));
    expect(
      await send(other, [...messages, reading('c', { deviceId: 'truck-8' }), reading('d', { deviceId: 'ghost' })]),
    ).toMatchObject({
      ...{ accepted: 1, duplicates: 2, conflicts: 1, refused: 1 },
    });
    await alert(one, 'truck-7', 'hot');
    const rest = [(await events.next()).value!, (await events.next()).value!];
    expect(rest.map(({ event }) => event).sort()).toEqual(['alert', 'telemetry']);

    const resumed = await fetch(`${one.url}/api/v1/events?types=telemetry`, {
      headers: { authorization: `Bearer ${one.token('viewer')}`, 'last-event-id': seen[0]!.id! },
    });
    const again = received(resumed.body!);
    expect([(await again.next()).value!, (await again.next()).value!].map(({ data }) => data.body.messageId)).toEqual([
      'b',
      'c',
    ]);

    const page = await one.call('GET', '/api/v1/devices/truck-7/telemetry?limit=1');
    expect(page.body.messages).toMatchObject([{ body: { messageId: 'a' } }]);
    const next = await one.call('GET', `/api/v1/devices/truck-7/telemetry?limit=1&cursor=${page.body.cursor}`);
    expect(next.body.messages).toMatchObject([{ body: { messageId: 'b' } }]);
    await Promise.all([events.return(undefined), again.return(undefined)]);
  } finally {
    await postgres.stop();
  }
});

test('telemetry on PostgreSQL ages by size, and what is gone is a gap', async () => {
  await using folder = await testFolder();
  const postgres = await startPostgres(folder.path);
  try {
    const url = new URL(await postgres.createDatabase());
    const settings = { version: '0', scryptCost: 1024, maxArtifactBytes: 1024, maxTelemetryBytes: 100_000 };
    const server = await startTestServer({ postgres: { url }, settings });
    await makeDevices(server, ['truck-7']);
    await send(
      server,
      Array.from({ length: 1_000 }, (_, i) => reading(`m${i}`)),
    );
    await server.running.runJobs();
    const { log } = server.running.context.telemetry;
    const gap = await log.read({ tenantId: 1, after: 0, maxRows: 10, maxBytes: 1e6 });
    expect(gap).toMatchObject({ messages: [], gap: { from: 1, cause: 'aged' } });
    const left = await log.read({ tenantId: 1, after: gap.position, maxRows: 1_000, maxBytes: 1e6 });
    expect(left.messages.length).toBeGreaterThan(100);
    expect(left.messages.length).toBeLessThan(500);
    expect(left.messages.at(-1)!.seq).toBe(left.position);
  } finally {
    await postgres.stop();
  }
});

async function makeDevices({ running }: TestServer, names: readonly string[]): Promise<void> {
  await running.context.database.transaction(async (tx) => {
    const devices = names.map((controllerId) => ({ controllerId }));
    await createDevices(tx, devices, { tenantId: 1, createdBy: 'test', now: 0, existing: 'refuse' });
  });
}

async function alert({ running }: TestServer, device: string, event: string): Promise<void> {
  const { database, events } = running.context;
  await database.transaction((tx) =>
    events.append(tx, [{ tenantId: 1, type: 'alert', device, time: 0, body: { event } }]),
  );
}

async function send(server: TestServer, messages: readonly object[]): Promise<unknown> {
  const response = await fetch(`${server.url}/api/v1/telemetry`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token('operator')}`, 'content-type': 'application/x-ndjson' },
    body: messages.map((message) => `${JSON.stringify(message)}\n`).join(''),
  });
  return await response.json();
}

interface Received {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: ReturnType<typeof JSON.parse>;
}

async function* received(body: ReadableStream<Uint8Array>): AsyncGenerator<Received, void, undefined> {
  const queue: Received[] = [];
  const parser = createParser({ onEvent: ({ id, event, data }) => queue.push({ id, event, data: JSON.parse(data) }) });
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    parser.feed(decoder.decode(bytes, { stream: true }));
    yield* queue.splice(0);
  }
}
