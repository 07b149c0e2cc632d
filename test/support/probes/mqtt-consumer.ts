import { openDurableFs } from '../../../src/lib/core/node-durable-fs.js';
import { openPartitionedStore, type PartitionedStore } from '../../../src/lib/dedupe/partitioned-store.js';
import { systemPacing } from '../../../src/lib/net/pacing.js';
import { runPipeline } from '../../../src/lib/pipeline/run-pipeline.js';
import { fileSink } from '../../../src/lib/telemetry/file-sink.js';
import { openMqttSource } from '../../../src/lib/telemetry/mqtt-source.js';
import type { RecoverableSink } from '../../../src/lib/telemetry/sink.js';
import type { Source } from '../../../src/lib/telemetry/source.js';

/**
 * Brings a topic into a file, until SIGTERM: `PORT TOPIC CLIENT FOLDER [POINT]`. At a point of the first batch
 * (`read`, `written`, `committed`) it says `held` and does no more.
 */
const [port = '', topic = '', clientId = '', folder = '', point] = process.argv.slice(2);
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());

function hold(): Promise<never> {
  process.stdout.write('held\n');
  return new Promise(() => setInterval(() => undefined, 1000));
}

function heldSink(sink: RecoverableSink): RecoverableSink {
  return {
    id: sink.id,
    guarantee: sink.guarantee,
    isEmpty: () => sink.isEmpty(),
    end: () => sink.end(),
    reaches: (position) => sink.reaches(position),
    tail: (from, signal) => sink.tail(from, signal),
    newest: (messages) => sink.newest(messages),
    close: () => sink.close(),
    async write(messages, input, signal) {
      if (point === 'read' && messages.count > 0) await hold();
      const position = await sink.write(messages, input, signal);
      if (point === 'written' && messages.count > 0) await hold();
      return position;
    },
  };
}

function heldSource(source: Source): Source {
  return {
    id: source.id,
    recovery: source.recovery,
    isLive: true,
    read: (from, signal) => source.read(from, signal),
    lag: () => source.lag(),
    close: () => source.close(),
    async committed(position) {
      if (point === 'committed') await hold();
      await source.committed(position);
    },
  };
}

const fs = openDurableFs();
const sink = heldSink(fileSink(fs, `${folder}/out.ndjson`));
const endpoint = { kind: 'mqtt', host: '127.0.0.1', port: Number(port), isTls: false, topic, clientId } as const;
const onWarning = (code: string) => void process.stdout.write(`${code}\n`);
const source = heldSource(await openMqttSource(endpoint, { onWarning }));
const store: PartitionedStore = await openPartitionedStore(`${folder}/store`, {
  fs,
  tenant: 'default',
  partitions: 1,
  digestBytes: 0,
  window: { keys: 1_000_000 },
  sinkId: sink.id,
  sealing: 'inline',
});
const { counts } = await runPipeline({
  sources: [source],
  sink,
  store,
  decode: { secret: store.secret, missingId: 'refuse', digestBytes: 0, digestIgnore: [] },
  threads: 0,
  strict: false,
  fromCheckpoint: true,
  newOutput: false,
  rebuild: false,
  time: systemPacing,
  signal: stop.signal,
  onEvent: () => {},
});
await source.close();
await store.close();
await sink.close();
process.stdout.write(`${JSON.stringify(counts)}\n`);
