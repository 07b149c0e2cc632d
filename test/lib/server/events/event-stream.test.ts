import { createParser } from 'eventsource-parser';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createDevices } from '../../../../src/lib/server/devices/create-devices.js';
import { ageEvents } from '../../../../src/lib/server/events/event-ageing-job.js';
import { OTHER_TENANT, startTestServer, type TestServer } from '../server-fixture.js';
import { reading } from '../telemetry/log-fixture.js';

interface Received {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: ReturnType<typeof JSON.parse>;
}

/** An open stream, from which events are taken in order. */
class Stream {
  readonly #queue: Received[] = [];
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #parser = createParser({
    onEvent: ({ id, event, data }) => this.#queue.push({ id, event, data: JSON.parse(data) }),
  });
  readonly #decoder = new TextDecoder();

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
    onTestFinished(() => this.close());
  }

  async next(): Promise<Received | undefined> {
    while (this.#queue.length === 0) {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#parser.feed(this.#decoder.decode(value, { stream: true }));
    }
    return this.#queue.shift();
  }

  async take(count: number): Promise<Received[]> {
    const taken: Received[] = [];
    while (taken.length < count) taken.push((await this.next())!);
    return taken;
  }

  async close(): Promise<void> {
    await this.#reader.cancel().catch(() => undefined);
  }
}

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ isShared: true });
  await makeDevices(server, 'DEFAULT', ['truck-7', 'truck-8']);
  await makeDevices(server, OTHER_TENANT, ['truck-7']);
});
afterAll(() => server.stop());

async function makeDevices({ running }: TestServer, tenantName: string, names: readonly string[]): Promise<void> {
  const { database, events } = running.context;
  await database.transaction(async (tx) => {
    const { id } = await tx.selectFrom('tenant').select('id').where('name', '=', tenantName).executeTakeFirstOrThrow();
    const devices = names.map((controllerId) => ({ controllerId, group: controllerId === 'truck-8' ? 'blue' : 'red' }));
    const made = await createDevices(tx, devices, { tenantId: id, createdBy: 'test', now: 0, existing: 'refuse' });
    await events.append(tx, made.events);
  });
}

async function open(query = '', headers: Record<string, string> = {}, of: TestServer = server): Promise<Response> {
  const authorization = `Bearer ${of.token('viewer')}`;
  return await fetch(`${of.url}/api/v1/events${query}`, { headers: { authorization, ...headers } });
}

async function stream(query = '', headers: Record<string, string> = {}, of: TestServer = server): Promise<Stream> {
  const response = await open(query, headers, of);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  return new Stream(response.body!);
}

async function send(messages: readonly object[], tenant = 'DEFAULT', of: TestServer = server): Promise<void> {
  const response = await fetch(`${of.url}/api/v1/telemetry`, {
    method: 'POST',
    headers: { authorization: `Bearer ${of.token('operator', tenant)}`, 'content-type': 'application/x-ndjson' },
    body: messages.map((message) => `${JSON.stringify(message)}\n`).join(''),
  });
  expect(response.status).toBe(200);
}

async function alert(
  device: string | undefined,
  event: string,
  tenant = 'DEFAULT',
  of: TestServer = server,
): Promise<void> {
  const { database, events, clock } = of.running.context;
  await database.transaction(async (tx) => {
    const { id } = await tx.selectFrom('tenant').select('id').where('name', '=', tenant).executeTakeFirstOrThrow();
    const time = clock.now().getTime();
    await events.append(tx, [{ tenantId: id, type: 'alert', ...(device && { device }), time, body: { event } }]);
  });
}

describe('the event stream', () => {
  test('carries what happens from now on, telemetry and events, of the own tenant', async () => {
    await send([reading('before')]);
    const live = await stream();
    await send([reading('theirs')], OTHER_TENANT);
    await alert('truck-7', 'theirs', OTHER_TENANT);
    await send([reading('mine', { text: 'ü\u2028', nested: { a: [1] } })]);
    await alert('truck-7', 'hot');
    const received = await live.take(2);
    expect(received.map(({ event }) => event).sort()).toEqual(['alert', 'telemetry']);
    const telemetry = received.find(({ event }) => event === 'telemetry')!;
    expect(telemetry.data).toEqual({
      type: 'telemetry',
      time: '2026-01-05T05:59:00.000Z',
      device: 'truck-7',
      body: reading('mine', { text: 'ü\u2028', nested: { a: [1] } }),
    });
    const alerted = received.find(({ event }) => event === 'alert')!;
    expect(alerted.data).toEqual({
      type: 'alert',
      time: '2026-01-05T06:00:00.000Z',
      device: 'truck-7',
      body: { event: 'hot' },
    });
  });

  test('goes on behind the last event that was seen, without a hole and without a repetition', async () => {
    const first = await stream('?types=telemetry');
    await send(Array.from({ length: 10 }, (_, i) => reading(`resume-${i}`)));
    const seen = await first.take(4);
    await first.close();
    await send([reading('resume-10')]);
    const second = await stream('?types=telemetry', { 'last-event-id': seen.at(-1)!.id! });
    const rest = await second.take(7);
    expect([...seen, ...rest].map(({ data }) => data.body.messageId)).toEqual(
      Array.from({ length: 11 }, (_, i) => `resume-${i}`),
    );
    expect(new Set([...seen, ...rest].map(({ id }) => id)).size).toBe(11);
  });

  test('begins earlier when a time is named', async () => {
    server.advance(3_600_000);
    const since = server.running.context.clock.now().toISOString();
    await send([reading('since')]);
    await alert('truck-7', 'since');
    const late = await stream(`?since=${encodeURIComponent(since)}`);
    expect((await late.take(2)).map(({ event }) => event).sort()).toEqual(['alert', 'telemetry']);
  });

  test('is narrowed to types, a device, or the devices that a filter chooses', async () => {
    const alerts = await stream('?types=alert,rollout');
    const ofDevice = await stream('?device=truck-8');
    const blue = await stream(`?where=${encodeURIComponent('group==blue')}`);
    await send([reading('x-7'), reading('x-8', { deviceId: 'truck-8' })]);
    await alert('truck-7', 'seven');
    await alert('truck-8', 'eight');
    await alert(undefined, 'of nobody');
    expect((await alerts.take(3)).map(({ data }) => data.body.event)).toEqual(['seven', 'eight', 'of nobody']);
    for (const narrowed of [ofDevice, blue]) {
      expect((await narrowed.take(2)).every(({ data }) => data.device === 'truck-8')).toBe(true);
    }
  });

  test('refuses what cannot be asked', async () => {
    for (const query of [
      '?types=weather',
      '?where=nosuchfield==1',
      '?where=((',
      '?since=yesterday',
      '?since=2026-99-99T00:00:00Z',
    ]) {
      expect((await open(query)).status, query).toBe(400);
    }
    expect((await open('', { 'last-event-id': 'elsewhere' })).status).toBe(400);
    expect((await open('', { authorization: 'Bearer nothing' })).status).toBe(401);
  });

  test('tells what was forgotten as a gap, and goes on behind it', async () => {
    const own = await startTestServer({
      postgres: undefined, // the log of files forgets while it grows
      settings: { ...server.running.context.settings, maxTelemetryBytes: 1024 ** 2 },
    });
    await makeDevices(own, 'DEFAULT', ['truck-7']);
    const filler = 'x'.repeat(2_000);
    for (let round = 0; round < 15; round++) {
      await send(
        Array.from({ length: 100 }, (_, i) => reading(`${round}-${i}`, { filler })),
        'DEFAULT',
        own,
      );
    }
    for (let i = 0; i < 10; i++) await alert('truck-7', `a${i}`, 'DEFAULT', own);
    await ageEvents(own.running.context, 4);
    const late = await stream('', { 'last-event-id': '0-0' }, own);
    const received: Received[] = [];
    while (received.filter(({ event }) => event === 'telemetry').length === 0) received.push((await late.next())!);
    const gaps = received.filter(({ event }) => event === 'gap').map(({ data }) => data);
    expect(gaps).toMatchObject([
      { log: 'events', from: 1, to: 7, atMost: 7, cause: 'aged' },
      { log: 'telemetry', from: 1, cause: 'aged' },
    ]);
    const first = received.find(({ event }) => event === 'telemetry')!;
    expect(first.id).toMatch(new RegExp(`-${gaps[1]!.to + 1}$`));
    expect(received.filter(({ event }) => event === 'alert').map(({ data }) => data.body.event)).toEqual([
      'a6',
      'a7',
      'a8',
      'a9',
    ]);
  });

  test('ends when the credentials are revoked', async () => {
    const live = await stream('?types=alert');
    const { database } = server.running.context;
    await alert('truck-7', 'still allowed');
    expect((await live.next())!.data.body).toEqual({ event: 'still allowed' });
    await database.sql
      .updateTable('api_token')
      .set({ revoked_at: 1 })
      .where('role', '=', 'viewer')
      .where('tenant_id', '=', 1)
      .execute();
    server.advance(15_000);
    await alert('truck-7', 'too late');
    expect((await live.next())!.data).toMatchObject({ type: 'end', cause: 'revoked' });
    expect(await live.next()).toBeUndefined();
    await database.sql.updateTable('api_token').set({ revoked_at: null }).where('role', '=', 'viewer').execute();
  });

  test('allows a tenant so many streams at the same time', async () => {
    const own = await startTestServer({ settings: { ...server.running.context.settings, maxStreams: 2 } });
    const [first] = [await stream('', {}, own), await stream('', {}, own)];
    expect((await open('', {}, own)).status).toBe(429);
    await first.close();
    await expect.poll(async () => (await open('', {}, own)).status).toBe(200);
  });

  test('ends when the server stops, and says so', async () => {
    const own = await startTestServer();
    const live = await stream('', {}, own);
    const stopped = own.stop();
    expect((await live.next())!.data).toMatchObject({ type: 'end', cause: 'stopping' });
    expect(await live.next()).toBeUndefined();
    await stopped;
  });
});
