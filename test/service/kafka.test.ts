import { cp } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LOGIN, readCommitted, writeRecords } from '../../scripts/services/kafka.mjs';
import { openDurableFs } from '../../src/lib/core/node-durable-fs.js';
import { openPartitionedStore } from '../../src/lib/dedupe/partitioned-store.js';
import { systemPacing } from '../../src/lib/net/pacing.js';
import { runPipeline } from '../../src/lib/pipeline/run-pipeline.js';
import { connectKafka } from '../../src/lib/telemetry/kafka-cluster.js';
import { commitGroupOffsets } from '../../src/lib/telemetry/kafka-offsets.js';
import { openKafkaSink } from '../../src/lib/telemetry/kafka-sink.js';
import { openKafkaSource } from '../../src/lib/telemetry/kafka-source.js';
import { openTransactionalProducer } from '../../src/lib/telemetry/kafka-transaction.js';
import type { LineChunk } from '../../src/lib/telemetry/line-chunk.js';
import type { AcceptedMessages, RecoverableSink } from '../../src/lib/telemetry/sink.js';
import { testFolder } from '../support/folder.js';
import { type TestBroker, testBroker } from '../support/kafka.js';

let broker: TestBroker;
const never = new AbortController().signal;
const NO_INPUT = { source: 'none' };

beforeAll(async () => {
  broker = await testBroker();
});

afterAll(() => broker[Symbol.asyncDispose]());

function options() {
  return { brokers: [broker.address], clientId: 'test' };
}

function line(id: string): string {
  return JSON.stringify({ messageId: id, deviceId: 'd', timestamp: 1, type: 'trip' });
}

function ids(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `m-${from + index}`);
}

function batchOf(names: readonly string[]): AcceptedMessages {
  const messages = names.map((id) => ({ id, line: Buffer.from(line(id)) }));
  return { count: messages.length, runs: [], messages: () => messages };
}

async function idsIn(chunks: AsyncIterable<LineChunk>): Promise<string[]> {
  const found: string[] = [];
  for await (const { bytes } of chunks) {
    const lines = Buffer.from(bytes).toString().trimEnd().split('\n');
    found.push(...lines.map((text) => JSON.parse(text).messageId));
  }
  return found.sort();
}

/** A commit is certain a moment before readers see it: whoever takes the transactional id over waits for that. */
async function settle(transactionalId: string, topic = transactionalId): Promise<void> {
  const sink = await sinkOf(topic, transactionalId);
  await sink.close();
}

async function idsOfTopic(topic: string, transactionalId = topic): Promise<string[]> {
  await settle(transactionalId, topic);
  const source = await openKafkaSource({ ...options(), topic, untilEnd: true });
  const found = await idsIn(source.read(undefined, never));
  await source.close();
  return found;
}

async function sinkOf(topic: string, transactionalId = topic): Promise<RecoverableSink> {
  return await openKafkaSink({ ...options(), topic, transactionalId });
}

test('a sink tells where its output ends, and reads back what it holds from there on', async () => {
  const topic = await broker.topic('positions', 3);
  const writer = await sinkOf(topic);
  expect(await writer.isEmpty()).toBe(true);
  const start = await writer.end();
  const middle = await writer.write(batchOf(ids(0, 100)), NO_INPUT, never);
  const end = await writer.write(batchOf(ids(100, 50)), NO_INPUT, never);
  await writer.close();
  const sink = await sinkOf(topic);
  expect(await sink.isEmpty()).toBe(false);
  expect(await idsIn(sink.tail(undefined, never))).toEqual(ids(0, 150).sort());
  expect(await idsIn(sink.tail(start, never))).toEqual(ids(0, 150).sort());
  expect(await idsIn(sink.tail(middle, never))).toEqual(ids(100, 50).sort());
  expect(await idsIn(sink.tail(end, never))).toEqual([]);
  expect(await idsIn(sink.tail(await sink.newest(150), never))).toEqual(ids(0, 150).sort());
  expect(await sink.newest(150)).toBeUndefined(); // all of it
  expect(await sink.newest(1)).toBeDefined();
  expect(await idsIn(sink.tail(await sink.newest(1), never))).not.toEqual([]);
  expect(await sink.reaches(end!)).toBe(true);
  await sink.close();
  const another = await sinkOf(await broker.topic('positions', 3));
  expect(await another.reaches(end!)).toBe(false);
  await another.close();
});

test('a message goes to the partition where the console producer puts its key', async () => {
  const [ours, theirs] = [await broker.topic('ours', 5), await broker.topic('theirs', 5)];
  const sink = await sinkOf(ours);
  await sink.write(batchOf(ids(0, 200)), NO_INPUT, never);
  await sink.close();
  writeRecords(
    broker.address,
    theirs,
    ids(0, 200).map((id) => ({ key: id, value: line(id) })),
  );
  const [written, reference] = await Promise.all([
    readCommitted(broker.address, ours),
    readCommitted(broker.address, theirs),
  ]);
  const byKey = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : 1);
  expect(written.sort(byKey)).toEqual(reference.sort(byKey));
});

test('nobody reads what was not committed, and the next sink ends it', async () => {
  const topic = await broker.topic('aborted', 2);
  await using cluster = await connectKafka(options());
  const sink = await sinkOf(topic, 'one');
  await sink.write(batchOf(ids(0, 10)), NO_INPUT, never);
  // Written, and never committed: as a process that dies leaves it.
  const { client } = cluster;
  const producer = new client.Producer({
    ...{ clientId: 'dying', bootstrapBrokers: [broker.address], idempotent: true, transactionalId: 'one' },
  });
  const transaction = await producer.beginTransaction({ producerId: -1n, producerEpoch: -1 });
  for (let round = 0; round < 20; round++) {
    const messages = ids(1000 * (round + 1), 1000).map((id) => ({
      topic,
      key: Buffer.from(id),
      value: Buffer.from(line(id)),
    }));
    await transaction.send({ messages });
  }
  await expect(sink.write(batchOf(ids(10, 1)), NO_INPUT, never)).rejects.toMatchObject({ code: 'LOCKED' });
  await expect(sink.write(batchOf(ids(10, 1)), NO_INPUT, never)).rejects.toMatchObject({ code: 'LOCKED' });
  await sink.close();
  const next = await sinkOf(topic, 'one');
  await next.write(batchOf(ids(10, 10)), NO_INPUT, never);
  await next.close();
  expect(await idsOfTopic(topic, 'one')).toEqual(ids(0, 20).sort());
  const last = await sinkOf(topic, 'one');
  expect(await idsIn(last.tail(undefined, never))).toEqual(ids(0, 20).sort());
  await last.close();
  await producer.close();
});

test('messages that take many batches become visible together', async () => {
  const topic = await broker.topic('large', 1);
  const sink = await sinkOf(topic);
  const names = ids(0, 30_000).map((id) => id.padEnd(300, '.'));
  await sink.write(batchOf(names), NO_INPUT, never);
  await sink.close();
  expect(await idsOfTopic(topic)).toEqual(names.sort());
});

test('a group goes on behind what it committed, a checkpoint where it stands', async () => {
  const topic = await broker.topic('resume', 1);
  const sink = await sinkOf(topic);
  const middle = await sink.write(batchOf(ids(0, 10)), NO_INPUT, never);
  await sink.write(batchOf(ids(10, 10)), NO_INPUT, never);
  await sink.close();
  await settle(topic);
  const read = async (group: string | undefined, from = undefined as typeof middle, more = {}) => {
    const source = await openKafkaSource({ ...options(), topic, ...(group && { group }), untilEnd: true, ...more });
    const found = await idsIn(source.read(from, never));
    await source.committed(from ?? (await sinkEnd(topic)));
    await source.close();
    return found;
  };
  expect(await read('a')).toEqual(ids(0, 20).sort());
  expect(await read('a')).toEqual([]);
  expect(await read('a', undefined, { from: 'start' })).toEqual(ids(0, 20).sort());
  expect(await read('a', middle)).toEqual(ids(10, 10).sort());
  expect(await read('a')).toEqual(ids(10, 10).sort());
  expect(await read('a', middle, { isCommittedBySink: true })).toEqual([]);
});

async function sinkEnd(topic: string) {
  const sink = await sinkOf(topic, `${topic}-end`);
  const end = await sink.end();
  await sink.close();
  return end;
}

test('a source says when the topic no longer has its position', async () => {
  const [topic, other] = [await broker.topic('retention', 1), await broker.topic('retention', 1)];
  await broker.produce(topic, [{ key: 'm', value: line('m') }]);
  const source = await openKafkaSource({ ...options(), topic, untilEnd: true });
  const read = async (from: object) => await idsIn(source.read(from as never, never));
  await expect(read(await sinkEnd(other))).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
  await expect(read({ offsets: 'x' })).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
  await source.close();
  await using cluster = await connectKafka(options());
  await commitGroupOffsets(cluster, 'ahead', topic, new Map([[0, 5n]]));
  const behind = await openKafkaSource({ ...options(), topic, group: 'ahead' });
  await expect(idsIn(behind.read(undefined, never))).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
  await behind.close();
});

test('a store that lags behind the topic is repaired before anything is read', async () => {
  await using folder = await testFolder();
  const [input, output] = [await broker.topic('input', 2), await broker.topic('output', 2)];
  const run = async (directory: string) => {
    const source = await openKafkaSource({ ...options(), topic: input, untilEnd: true });
    const sink = await sinkOf(output);
    const fs = openDurableFs();
    const store = await openPartitionedStore(folder.file(directory), {
      ...{ fs, tenant: 'default', partitions: 2, window: { keys: 100_000 }, digestBytes: 0, sealing: 'inline' },
      sinkId: sink.id,
    });
    try {
      return await runPipeline({
        ...{ sources: [source], sink, store, threads: 0, strict: false, fromCheckpoint: true, newOutput: false },
        ...{ rebuild: false, time: systemPacing, signal: never, onEvent: () => {} },
        decode: { secret: store.secret, missingId: 'refuse', digestBytes: 0, digestIgnore: [] },
      });
    } finally {
      await Promise.all([source.close(), sink.close(), store.close()]);
    }
  };
  const produce = (from: number, count: number) =>
    broker.produce(
      input,
      ids(from, count).map((id) => ({ key: id, value: line(id) })),
    );
  await produce(0, 1000);
  await run('store');
  await cp(folder.file('store'), folder.file('older'), { recursive: true });
  await produce(500, 1000);
  expect((await run('store')).counts).toMatchObject({ written: 500, duplicates: 500 });
  expect((await run('older')).counts).toMatchObject({ written: 0, duplicates: 1000 });
  expect(await idsOfTopic(output)).toEqual(ids(0, 1500).sort());
  await expect(run('new')).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
});

test('a producer that was shut out between two transactions writes nothing more', async () => {
  const topic = await broker.topic('zombie', 1);
  await using cluster = await connectKafka(options());
  const zombie = await openTransactionalProducer(cluster, { topic, transactionalId: 'zombie' });
  const records = (id: string) => new Map([[0, [{ id, line: Buffer.from(line(id)) }]]]);
  await zombie.commit(records('before'));
  const heir = await openTransactionalProducer(cluster, { topic, transactionalId: 'zombie' });
  await expect(zombie.commit(records('late'))).rejects.toMatchObject({ code: 'LOCKED' });
  await heir.commit(records('after'));
  expect(await idsOfTopic(topic, 'zombie')).toEqual(['after', 'before']);
});

test('what cannot work is said at once', async () => {
  const topic = await broker.topic('login', 1);
  const login = { brokers: [broker.loginAddress], clientId: 'test' };
  const sasl = { mechanism: 'PLAIN', ...LOGIN } as const;
  await (await openKafkaSource({ ...login, topic, sasl })).close();
  const wrong = openKafkaSource({ ...login, topic, sasl: { ...sasl, password: 'wrong' } });
  await expect(wrong).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
  await expect(wrong).rejects.not.toThrow(/wrong/);
  await expect(openKafkaSource({ ...options(), topic: 'nowhere' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(openKafkaSource({ ...options(), topic, tls: {} })).rejects.toMatchObject({ code: 'TLS_FAILED' });
  const nobody = openKafkaSource({ ...options(), brokers: ['127.0.0.1:1'], topic });
  await expect(nobody).rejects.toMatchObject({ code: 'NETWORK_FAILED' });
});
