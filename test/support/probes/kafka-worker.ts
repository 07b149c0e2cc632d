import { OtaError } from '../../../src/lib/core/errors.js';
import { openDurableFs } from '../../../src/lib/core/node-durable-fs.js';
import { systemPacing } from '../../../src/lib/net/pacing.js';
import { runKafkaWorkers } from '../../../src/lib/pipeline/kafka-workers.js';

/** One member of a group, until SIGTERM: `ADDRESS INPUT OUTPUT GROUP STORE`. Tells on stdout what its workers do. */
const [address = '', input = '', output = '', group = '', directory = ''] = process.argv.slice(2);
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
const kafka = { brokers: [address], clientId: 'kafka-worker' };

process.on('uncaughtException', (error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(error instanceof OtaError ? error.exitCode : 1);
});

const { counts, misrouted } = await runKafkaWorkers({
  input: { ...kafka, topic: input, group, sessionTimeoutMs: 1000 },
  output: { ...kafka, topic: output },
  store: {
    directory,
    fs: openDurableFs(),
    tenant: 'default',
    window: { keys: 1_000_000 },
    digestBytes: 0,
    sealing: 'inline',
  },
  missingId: 'refuse',
  pipeline: { threads: 0, strict: false, time: systemPacing },
  signal: stop.signal,
  onEvent: (event) => {
    if (event.type !== 'progress' && event.type !== 'finished') process.stdout.write(`${JSON.stringify(event)}\n`);
  },
});
process.stdout.write(`${JSON.stringify({ ...counts, misrouted })}\n`);
