import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { OtaError } from '../lib/core/errors.js';
import { takeLock } from '../lib/core/lock.js';
import { openDurableFs } from '../lib/core/node-durable-fs.js';
import { ResourceStack } from '../lib/core/resource-stack.js';
import { escapeText } from '../lib/core/text.js';
import { systemPacing } from '../lib/net/pacing.js';
import type { PipelineEvent } from '../lib/pipeline/events.js';
import type { PipelineOptions, PipelineSummary } from '../lib/pipeline/pipeline-options.js';
import type { PipelinePlan } from '../lib/pipeline/plan-pipeline.js';
import { openDeadLetters } from '../lib/telemetry/dead-letter.js';
import type { Drill } from '../lib/telemetry/drill.js';
import type { SinkEndpoint, SourceEndpoint } from '../lib/telemetry/endpoint.js';
import type { Pace } from '../lib/telemetry/pacing.js';
import type { Sink } from '../lib/telemetry/sink.js';
import type { ConnectionFlags } from './connection-flags.js';
import type { KafkaTopics } from './run-kafka-replay.js';
import { type StoreFlags, storeSettings, takeNoLock } from './store-settings.js';
import { openSink, openSource } from './telemetry-ends.js';

export interface ReplayRequest {
  sources: readonly SourceEndpoint[];
  sink: SinkEndpoint;
  flags: StoreFlags & ConnectionFlags & ReplayFlags;
  drill?: Drill | undefined;
  pace?: Pace | undefined;
  signal: AbortSignal;
  onEvent(event: PipelineEvent): void;
}

interface ReplayFlags {
  'missing-id': 'derive' | 'refuse';
  'dead-letters'?: string | undefined;
  strict: boolean;
  'from-checkpoint': boolean;
  'new-output': boolean;
  rebuild: boolean;
  'min-window-time'?: number | undefined;
  'until-idle'?: number | undefined;
  threads?: number | undefined;
}

/** Where refused lines go when nobody says where: nothing is lost in silence. */
export function deadLettersOf({ store, tenant, 'dead-letters': path }: StoreFlags & ReplayFlags): string {
  return path ?? join(store, tenant, 'dead-letters.ndjson');
}

/**
 * Opens the ends, the store and the dead letters, replays, and closes them again.
 *
 * @throws OtaError as `openSource`, `openSink`, `openPartitionedStore`, `runPipeline`
 */
export async function runReplay(request: ReplayRequest): Promise<PipelineSummary & Pick<Sink, 'guarantee'>> {
  const idle = idleWatch(request);
  const topics = kafkaTopics(request);
  if (topics !== undefined) {
    const { runKafkaReplay } = await import('./run-kafka-replay.js');
    const replay = { ...request, ...topics, onEvent: idle.onEvent, signal: idle.signal };
    const summary = await runKafkaReplay(replay, deadLettersOf(request.flags));
    return { ...summary, guarantee: 'exactly-once', isInterrupted: request.signal.aborted };
  }
  await using open = new ResourceStack();
  const options = await openPipeline({ ...request, onEvent: idle.onEvent, signal: idle.signal }, open, false);
  const { runPipeline } = await import('../lib/pipeline/run-pipeline.js');
  const summary = await runPipeline(options);
  // Silence for as long as was asked for is the end of the work.
  return {
    ...summary,
    guarantee: options.sink.guarantee,
    isInterrupted: request.signal.aborted && summary.isInterrupted,
  };
}

/** What `runReplay` would do first: everything is opened over a disk that keeps changes in memory. */
export async function planReplay(request: ReplayRequest): Promise<PipelinePlan> {
  if (kafkaTopics(request) !== undefined) {
    throw new OtaError('USAGE', '--dry-run: what a member of a Kafka group does depends on the other members', [
      'Leave --dry-run out; a second member with --group NAME and another output changes nothing for the first group.',
    ]);
  }
  await using open = new ResourceStack();
  const options = await openPipeline(request, open, true);
  const { planPipeline } = await import('../lib/pipeline/plan-pipeline.js');
  return await planPipeline(options);
}

/** From topic to topic replay is the work of a group, shared by partition. @throws OtaError USAGE */
function kafkaTopics({ sources, sink, flags }: ReplayRequest): KafkaTopics | undefined {
  const [input, second] = sources;
  if (sink.kind !== 'kafka' || !sources.some(({ kind }) => kind === 'kafka')) return undefined;
  if (input?.kind !== 'kafka' || second !== undefined) {
    throw new OtaError('USAGE', 'From Kafka to Kafka there is one source, the topic', [
      'Start one replay for each source, with an output and a store of its own.',
    ]);
  }
  if (!flags['from-checkpoint']) {
    throw new OtaError('USAGE', '--no-from-checkpoint: a Kafka group goes on where it stands', [
      'Name a new one with --group NAME to read the topic from its start.',
    ]);
  }
  return { input, output: sink };
}

async function openPipeline(request: ReplayRequest, open: ResourceStack, isDryRun: boolean): Promise<PipelineOptions> {
  const { flags, drill, pace, signal, onEvent } = request;
  const fs = isDryRun ? (await import('../lib/core/dry-run-fs.js')).dryRunFs(openDurableFs()) : openDurableFs();
  const onWarning = (code: string, message: string) => onEvent({ type: 'warning', code, message });
  const sources = [];
  for (const endpoint of request.sources) {
    sources.push(closing(open, await openSource(endpoint, flags, onWarning)));
  }
  const sink = closing(open, await openSink(request.sink, flags, fs, { isReadOnly: isDryRun, onWarning }));
  const deadLetterPath = deadLettersOf(flags);
  await requireApart(
    [...sources, sink].map(({ id }) => id),
    deadLetterPath,
  );
  // What most mistakes are found without is loaded behind them.
  const { isRecoverable, outputNotEmpty } = await import('../lib/pipeline/recover.js');
  const { openPartitionedStore } = await import('../lib/dedupe/partitioned-store.js');
  const { settings, isNew } = await storeSettings(flags, fs);
  // Told before a store is made that would be left behind.
  if (isNew && !flags.rebuild && isRecoverable(sink) && !(await sink.isEmpty())) throw outputNotEmpty(sink);
  const store = closing(
    open,
    await openPartitionedStore(flags.store, {
      ...settings,
      sinkId: sink.id,
      newOutput: flags['new-output'],
      fs,
      ...(isDryRun ? { sealing: 'inline', takeLock: takeNoLock } : { sealing: 'worker' }),
    }),
  );
  const deadLetters = closing(open, await openDeadLetters(fs, deadLetterPath, isDryRun ? {} : { takeLock }));
  const { digestBytes, digestIgnore } = settings;
  return {
    sources,
    sink,
    store,
    deadLetters,
    decode: { secret: store.secret, missingId: flags['missing-id'], digestBytes, digestIgnore },
    threads: flags.threads ?? Math.min(MAX_DEFAULT_THREADS, availableParallelism() - 1),
    strict: flags.strict,
    fromCheckpoint: flags['from-checkpoint'],
    newOutput: flags['new-output'],
    rebuild: flags.rebuild,
    ...(flags['min-window-time'] !== undefined && { minWindowMs: flags['min-window-time'] }),
    ...(drill !== undefined && { drill: (await import('../lib/telemetry/drill.js')).drillLines(drill, systemPacing) }),
    ...(pace !== undefined && { pacing: (await import('../lib/telemetry/pacing.js')).paceLines(pace, systemPacing) }),
    time: systemPacing,
    signal,
    onEvent,
  };
}

/** More of them only wait for the store. */
const MAX_DEFAULT_THREADS = 4;

function closing<T extends { close(): Promise<void> }>(open: ResourceStack, resource: T): T {
  open.use({ [Symbol.asyncDispose]: () => resource.close() });
  return resource;
}

/** Nothing is read that is written by the same run, nor under another name. @throws OtaError USAGE */
async function requireApart(ids: readonly string[], deadLetterPath: string): Promise<void> {
  const all = [...ids, `file:${resolve(deadLetterPath)}`];
  const files = await Promise.all(all.map(fileOf));
  const twice = all.find((_, index) => files.indexOf(files[index]!) !== index);
  if (twice === undefined) return;
  throw new OtaError('USAGE', `${escapeText(twice.replace(/^file:/, ''))}: named twice`, [
    'Sources, --to and --dead-letters must be different.',
  ]);
}

/** The same for all names of a file, links included. */
async function fileOf(id: string): Promise<string> {
  if (!id.startsWith('file:')) return id;
  try {
    const { dev, ino } = await stat(id.slice('file:'.length), { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return id; // opening it tells what is wrong, or makes it
  }
}

/** Raises a signal of its own once live sources were silent for `--until-idle`. */
function idleWatch({ flags, signal, onEvent }: ReplayRequest): Pick<ReplayRequest, 'signal' | 'onEvent'> {
  const idleMs = flags['until-idle'];
  if (idleMs === undefined) return { signal, onEvent };
  const idle = new AbortController();
  let [lines, sinceMs] = [-1, 0];
  return {
    signal: AbortSignal.any([signal, idle.signal]),
    onEvent: (event) => {
      if (event.type === 'progress') {
        const nowMs = systemPacing.monotonicMs();
        if (event.counts.lines !== lines) [lines, sinceMs] = [event.counts.lines, nowMs];
        else if (nowMs - sinceMs >= idleMs) idle.abort();
      }
      onEvent(event.type === 'finished' ? { ...event, isInterrupted: signal.aborted } : event);
    },
  };
}
