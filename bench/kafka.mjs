// From Kafka topic to Kafka topic, messages per second of wall and of CPU time, in one run against one broker:
//   plain     the client's own loop, consume and produce, nothing remembered, nothing transactional
//   workers   exactly once: judged by a durable store, each batch a transaction with the group's offset
// Usage: node bench/kafka.mjs [MESSAGES] [PARTITIONS] [RUNS]        (Java and Maven: scripts/services/kafka.mjs)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin, Consumer, Producer } from '@platformatic/kafka';
import { build } from 'esbuild';
import { startKafka } from '../scripts/services/kafka.mjs';

const messages = Number(process.argv[2] ?? 500_000);
const partitions = Number(process.argv[3] ?? 1);
const runs = Number(process.argv[4] ?? 3);
const BATCH = 4096;

const work = mkdtempSync(join(tmpdir(), 'ota-bench-'));
const kafka = await startKafka(join(work, 'kafka'));
const client = { clientId: 'bench', bootstrapBrokers: [kafka.address] };
const admin = new Admin(client);
try {
  const library = (path) => join(import.meta.dirname, '../src/lib', path);
  const files = ['pipeline/kafka-workers.ts', 'telemetry/generate-telemetry.ts', 'core/node-durable-fs.ts'];
  await build({
    entryPoints: [...files, 'net/pacing.ts'].map(library),
    ...{ outdir: work, outExtension: { '.js': '.mjs' }, bundle: true, splitting: true, format: 'esm' },
    platform: 'node',
    alias: { '@platformatic/wasm-utils': '@platformatic/wasm-utils/bundled' },
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);",
    },
    logLevel: 'error',
  });
  const [{ runKafkaWorkers }, { generateTelemetry }, { openDurableFs }, { systemPacing }] = await Promise.all(
    [...files, 'net/pacing.ts'].map((file) => import(join(work, file.replace(/ts$/, 'mjs')))),
  );
  await admin.createTopics({ topics: ['input'], partitions, replicas: 1 });
  const bytes = await fill('input', generateTelemetry);

  const contenders = {
    plain: async (run) => {
      const output = await topic(`plain-${run}`);
      return await plain(output, `plain-${run}`);
    },
    workers: async (run) => {
      const output = await topic(`workers-${run}`);
      const stop = new AbortController();
      const broker = { brokers: [kafka.address], clientId: 'bench' };
      return await runKafkaWorkers({
        input: { ...broker, topic: 'input', group: output },
        output: { ...broker, topic: output },
        store: {
          ...{ directory: join(work, output), fs: openDurableFs(), tenant: 'bench', sealing: 'inline' },
          ...{ window: { keys: 20_000_000 }, digestBytes: 0 },
        },
        missingId: 'refuse',
        pipeline: { threads: 0, strict: true, time: systemPacing },
        signal: stop.signal,
        onEvent: (event) => {
          if (event.type === 'progress' && event.counts.lines >= messages) stop.abort();
        },
      });
    },
  };
  const samples = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let run = -1; run < runs; run++) {
    for (const [name, contender] of Object.entries(contenders)) {
      const [startMs, before] = [performance.now(), process.cpuUsage()];
      await contender(run + 1);
      const { user, system } = process.cpuUsage(before);
      const sample = { wall: (performance.now() - startMs) / 1000, cpu: (user + system) / 1e6 };
      if (run >= 0) samples[name].push(sample); // the first round warms up
    }
  }
  console.log(
    `${messages} messages of ${Math.round(bytes / messages)} bytes, ${partitions} partitions, medians of ${runs}`,
  );
  console.log(`${''.padEnd(10)} messages/s  per CPU-second`);
  const median = (name, key) => samples[name].map((each) => each[key]).sort((a, b) => a - b)[runs >> 1];
  for (const name of Object.keys(contenders)) {
    const cells = [median(name, 'wall'), median(name, 'cpu')].map((seconds) => (messages / seconds).toFixed(0));
    console.log(name.padEnd(10), cells[0].padStart(10), cells[1].padStart(15));
  }
  console.log(`workers / plain: ${(median('plain', 'wall') / median('workers', 'wall')).toFixed(2)}`);
} finally {
  await admin.close();
  await kafka.kill();
  rmSync(work, { recursive: true, force: true });
}

async function topic(name) {
  await admin.createTopics({ topics: [name], partitions, replicas: 1 });
  return name;
}

async function fill(topic, generateTelemetry) {
  const faults = { duplicate: 0.006, late: 0.01, conflict: 0, malformed: 0 };
  const plan = { seed: 1, vehicles: 1000, lines: messages, startMs: Date.UTC(2026, 0, 5), ids: 'uuid', faults };
  const producer = new Producer(client);
  let bytes = 0;
  for (const chunk of generateTelemetry(plan)) {
    bytes += chunk.bytes.length;
    const lines = Buffer.from(chunk.bytes).toString().trimEnd().split('\n');
    const records = lines.map((line) => ({
      topic,
      key: Buffer.from(JSON.parse(line).messageId),
      value: Buffer.from(line),
    }));
    for (let at = 0; at < records.length; at += 2000) {
      await producer.send({ messages: records.slice(at, at + 2000), acks: -1 });
    }
  }
  await producer.close();
  return bytes;
}

/** What the client's documentation shows, in batches. */
async function plain(output, group) {
  const consumer = new Consumer({ ...client, groupId: group, maxBytes: 16 << 20 });
  const producer = new Producer(client);
  const stream = await consumer.consume({ topics: ['input'], mode: 'earliest', autocommit: true, maxWaitTime: 100 });
  let count = 0;
  let batch = [];
  for await (const { key, value } of stream) {
    batch.push({ topic: output, key, value });
    count++;
    if (batch.length < BATCH && count < messages) continue;
    for (let at = 0; at < batch.length; at += 2000)
      await producer.send({ messages: batch.slice(at, at + 2000), acks: -1 });
    batch = [];
    if (count >= messages) break;
  }
  await stream.close();
  await consumer.close(true);
  await producer.close();
}
