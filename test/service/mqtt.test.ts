import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LOGIN, type RunningMosquitto, startMosquitto } from '../../scripts/services/mosquitto.mjs';
import type { MqttEndpoint } from '../../src/lib/telemetry/endpoint.js';
import { parseSink, parseSource } from '../../src/lib/telemetry/endpoint.js';
import { openMqttSink } from '../../src/lib/telemetry/mqtt-sink.js';
import { openMqttSource } from '../../src/lib/telemetry/mqtt-source.js';
import { accepted, someLines } from '../lib/telemetry/accepted.js';
import { bundleScript, type RunningScript, type Script } from '../support/scripts.js';

const CLIENT = 'ingest-1';
const FILTER = 'fleet/#';

let consumer: Script;
let folder: string;
let broker: RunningMosquitto;
const running = new Set<RunningScript>();

beforeAll(async () => {
  consumer = await bundleScript('mqtt-consumer');
});
afterAll(() => consumer[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mqtt-service-'));
  broker = await startMosquitto(join(folder, 'broker'));
});
afterEach(async () => {
  for (const each of running) await kill(each);
  await broker.kill();
  await rm(folder, { recursive: true });
});

const portOf = (address: string) => address.split(':')[1]!;

function consume(point?: 'read' | 'written' | 'committed'): RunningScript {
  const args = [portOf(broker.address), FILTER, CLIENT, folder, ...(point === undefined ? [] : [point])];
  const started = consumer.start(args, { stdin: null });
  running.add(started);
  void started.ended.finally(() => running.delete(started));
  return started;
}

async function kill(script: RunningScript): Promise<void> {
  script.process.kill('SIGKILL');
  await script.ended;
}

/** Ends a consumer with SIGTERM and returns what it counted. */
async function stopped(script: RunningScript): Promise<{ written: number; duplicates: number; lines: number }> {
  script.process.kill('SIGTERM');
  const { stdout, stderr, status } = await script.ended;
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout.split('\n').at(-2)!);
}

function output(): string[] {
  const path = join(folder, 'out.ndjson');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
}

/** Waits until the output has so many lines. */
async function outputOf(count: number): Promise<string[]> {
  for (;;) {
    const lines = output();
    if (lines.length >= count) return lines;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const idsOf = (lines: readonly string[]) => lines.map((line) => JSON.parse(line).messageId as string);
const ids = (count: number) => someLines(count).map((line) => JSON.parse(line).messageId as string);

/** Another client makes the session, so that the broker keeps what is published before anybody reads. */
async function makeSession(): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://${broker.address}`, { clientId: CLIENT, clean: false });
  await client.subscribeAsync(FILTER, { qos: 1 });
  await client.endAsync();
}

async function publish(lines: readonly string[]): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://${broker.address}`);
  await Promise.all(lines.map((line) => client.publishAsync('fleet/a', line, { qos: 1 })));
  await client.endAsync();
}

describe('a consumer that is killed', () => {
  test.each([
    ['read', 0],
    ['written', 1],
    ['committed', 1],
  ] as const)('when a batch was %s gets every message again that it did not acknowledge', async (point, known) => {
    const lines = someLines(2_000);
    await makeSession();
    await publish(lines);
    const first = consume(point);
    await first.seen('held');
    await kill(first);
    const before = output().length;
    expect(before > 0).toBe(known === 1);

    const second = consume();
    const after = await outputOf(2_000);
    expect(idsOf(after)).toEqual(ids(2_000));
    // Its first messages are those of the batch that was held: the broker has sent all of them again.
    await publish(['{"messageId":"last"}']);
    await outputOf(2_001);
    const counts = await stopped(second);
    expect(counts).toMatchObject({ lines: 2_001, duplicates: before, written: 2_001 - before });

    // Everything is acknowledged now: the next one gets what is new alone.
    const third = consume();
    await publish(['{"messageId":"newer"}']);
    await outputOf(2_002);
    expect(await stopped(third)).toMatchObject({ lines: 1, duplicates: 0 });
  });

  test('again and again loses nothing and repeats nothing', async () => {
    const lines = someLines(20_000);
    await makeSession();
    let random = 12_345;
    const publishing = (async () => {
      for (let start = 0; start < lines.length; start += 500) await publish(lines.slice(start, start + 500));
    })();
    for (let kills = 0; kills < 8; kills++) {
      random = (random * 1_103_515_245 + 12_345) % 2 ** 31;
      const one = consume();
      await outputOf(Math.min(output().length + (random % 2_000), lines.length));
      await kill(one);
    }
    const last = consume();
    await publishing;
    await outputOf(lines.length);
    await publish(['{"messageId":"last"}']);
    await outputOf(lines.length + 1);
    await stopped(last);
    expect(idsOf(output()).toSorted()).toEqual([...ids(lines.length), 'last'].toSorted());
  });
});

test('a backlog of more messages than there are packet identifiers comes through', async () => {
  const count = 80_000;
  await makeSession();
  const sink = await openMqttSink(parseSink(`mqtt://${broker.address}/fleet/{deviceId}`) as MqttEndpoint);
  await sink.write(accepted(someLines(count)), { source: 'x', position: {} }, new AbortController().signal);
  await sink.close();
  const one = consume();
  await outputOf(count);
  expect(await stopped(one)).toMatchObject({ lines: count, written: count, duplicates: 0 });
});

describe('a broker that is killed', () => {
  test('keeps the session on its disk: what was not acknowledged comes after its restart', async () => {
    const lines = someLines(500);
    await makeSession();
    await publish(lines);
    const first = consume('written');
    await first.seen('held');
    await kill(first);
    await broker.save();
    await broker.kill();
    broker = await startMosquitto(join(folder, 'broker'));
    const second = consume();
    await outputOf(500);
    await publish(['{"messageId":"last"}']);
    await outputOf(501);
    expect(await stopped(second)).toMatchObject({ lines: 501 });
    expect(idsOf(output())).toEqual([...ids(500), 'last']);
  });

  test('is found again by the same consumer, and devices that send again are heard once', async () => {
    const lines = someLines(3_000);
    await makeSession();
    const one = consume();
    await publish(lines.slice(0, 1_500));
    await outputOf(100);
    await broker.save();
    await broker.kill();
    broker = await startMosquitto(join(folder, 'broker'));
    await publish(lines);
    await outputOf(3_000);
    await publish(['{"messageId":"last"}']);
    await outputOf(3_001);
    await stopped(one);
    expect(idsOf(output()).toSorted()).toEqual([...ids(3_000), 'last'].toSorted());
  });
});

describe('a login', () => {
  const read = async (access: object) => {
    const source = await openMqttSource(parseSource(`mqtt://${broker.loginAddress}/a`) as MqttEndpoint, access);
    const abort = new AbortController();
    const reading = source.read(undefined, abort.signal)[Symbol.asyncIterator]();
    const next = reading.next();
    return { source, next, abort };
  };

  test.each([{}, { username: LOGIN.username, password: 'wrong' }])(
    'that the broker refuses ends with 15 (%#)',
    async (access) => {
      const { next } = await read(access);
      await expect(next).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED', exitCode: 15 });
    },
  );

  test('that it accepts lets messages through', async () => {
    const { source, next, abort } = await read(LOGIN);
    const sink = await openMqttSink(parseSink(`mqtt://${broker.loginAddress}/a`) as MqttEndpoint, LOGIN);
    const once = new AbortController().signal;
    // Nothing tells when the subscription stands: a message that comes too early is published again.
    let isThere = false;
    void next.then(() => {
      isThere = true;
    });
    while (!isThere) await sink.write(accepted(someLines(1)), { source: 'x', position: {} }, once);
    expect(Buffer.from((await next).value.bytes).toString()).toContain('m0');
    abort.abort();
    await source.close();
    await sink.close();
  });
});

test('a sink delivers to whoever subscribes, each message at least once', async () => {
  const client = await mqtt.connectAsync(`mqtt://${broker.address}`);
  await client.subscribeAsync('out/#', { qos: 1 });
  const arrived = new Map<string, string>();
  const all = new Promise<void>((resolve) =>
    client.on('message', (topic, payload) => {
      arrived.set(payload.toString(), topic);
      if (arrived.size === 5_000) resolve();
    }),
  );
  const sink = await openMqttSink(parseSink(`mqtt://${broker.address}/out/{deviceId}`) as MqttEndpoint);
  const lines = someLines(5_000);
  await sink.write(accepted(lines), { source: 'x', position: {} }, new AbortController().signal);
  await all;
  await sink.close();
  await client.endAsync();
  expect([...arrived.keys()].toSorted()).toEqual(lines.toSorted());
  expect(arrived.get(lines[17]!)).toBe('out/d17');
});
