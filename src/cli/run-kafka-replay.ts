import { takeLock } from '../lib/core/lock.js';
import { openDurableFs } from '../lib/core/node-durable-fs.js';
import { systemPacing } from '../lib/net/pacing.js';
import { runKafkaWorkers } from '../lib/pipeline/kafka-workers.js';
import type { PipelineSummary } from '../lib/pipeline/pipeline-options.js';
import { openDeadLetters } from '../lib/telemetry/dead-letter.js';
import { drillLines } from '../lib/telemetry/drill.js';
import type { KafkaEndpoint } from '../lib/telemetry/endpoint.js';
import { paceLines } from '../lib/telemetry/pacing.js';
import { groupOf } from './connection-flags.js';
import { kafkaAccess } from './kafka-access.js';
import type { ReplayRequest } from './run-replay.js';
import { storeSettings } from './store-settings.js';

export interface KafkaTopics {
  input: KafkaEndpoint;
  output: KafkaEndpoint;
}

/**
 * Takes part in a group that brings messages from one topic to another, until it is interrupted.
 *
 * @throws OtaError as `runKafkaWorkers`
 */
export async function runKafkaReplay(
  { input, output, flags, drill, pace, signal, onEvent }: ReplayRequest & KafkaTopics,
  deadLetterPath: string,
): Promise<PipelineSummary> {
  const fs = openDurableFs();
  const { settings } = await storeSettings(flags, fs);
  const { partitions: _, ...store } = settings;
  return await runKafkaWorkers({
    input: { ...(await kafkaAccess(input, 'source', flags)), topic: input.topic, group: groupOf(flags) },
    output: { ...(await kafkaAccess(output, 'sink', flags)), topic: output.topic },
    store: { ...store, directory: flags.store, newOutput: flags['new-output'], fs, sealing: 'worker' },
    ...(flags.partitions !== undefined && { partitions: flags.partitions }),
    missingId: flags['missing-id'],
    pipeline: {
      threads: flags.threads ?? 0, // each partition has a worker already
      strict: flags.strict,
      ...(flags['min-window-time'] !== undefined && { minWindowMs: flags['min-window-time'] }),
      ...(drill !== undefined && { drill: drillLines(drill, systemPacing) }),
      ...(pace !== undefined && { pacing: paceLines(pace, systemPacing) }),
      time: systemPacing,
    },
    openDeadLetters: (partition) => openDeadLetters(fs, ofPartition(deadLetterPath, partition), { takeLock }),
    signal,
    onEvent,
  });
}

/** `dead-letters.ndjson` becomes `dead-letters.p0003.ndjson`. */
function ofPartition(path: string, partition: number): string {
  return path.replace(/(\.[^./\\]*)?$/, (extension) => `.p${String(partition).padStart(4, '0')}${extension}`);
}
