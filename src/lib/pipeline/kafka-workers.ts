import { isInterruption } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { ResourceStack } from '../core/resource-stack.js';
import { openPartitionedStore, type PartitionedStoreOptions } from '../dedupe/partitioned-store.js';
import type { DeadLetters } from '../telemetry/dead-letter.js';
import { connectKafka, type KafkaTopic } from '../telemetry/kafka-cluster.js';
import { joinGroup, type PartitionOwner } from '../telemetry/kafka-group.js';
import { type KafkaOptions, pacingOf } from '../telemetry/kafka-options.js';
import { openKafkaSink } from '../telemetry/kafka-sink.js';
import { type KafkaSource, openKafkaSource } from '../telemetry/kafka-source.js';
import type { DecodeOptions } from './decode-lines.js';
import type { PipelineEvent } from './events.js';
import type { PipelineOptions, PipelineSummary } from './pipeline-options.js';
import { noCounts } from './progress.js';
import { runPipeline } from './run-pipeline.js';
import { WorkerEvents } from './worker-events.js';

export interface KafkaWorkersOptions {
  readonly input: KafkaOptions & { readonly topic: string; readonly group: string; readonly sessionTimeoutMs?: number };
  /** How many the input is expected to have. */
  readonly partitions?: number;
  /** Has as many partitions as the input. */
  readonly output: KafkaOptions & { readonly topic: string };
  /** Window and memory are for all partitions of the topic, wherever their workers are. */
  readonly store: Omit<PartitionedStoreOptions, 'partitions' | 'only' | 'sinkId'> & { readonly directory: string };
  readonly missingId: DecodeOptions['missingId'];
  readonly pipeline: Pick<PipelineOptions, 'threads' | 'strict' | 'minWindowMs' | 'time' | 'pacing' | 'drill'>;
  /** A file for each partition: a worker takes back what it had not committed. */
  openDeadLetters?(partition: number): Promise<DeadLetters>;
  /** Ends all workers, each at a batch boundary, and leaves the group. */
  readonly signal: AbortSignal;
  /** What all workers of this process do, as if they were one. */
  onEvent(event: PipelineEvent): void | Promise<void>;
}

export interface KafkaWorkersSummary extends PipelineSummary {
  /** Records whose key was not their message id (KafkaSource.misrouted). */
  readonly misrouted: number;
}

/**
 * Takes part in deduplicating a topic until the signal is raised: a member of a consumer group with one worker, one
 * store and one transactional id for each partition that the group gives it.
 *
 * Each batch is one transaction of messages and the group's offset. The output partition is the truth: a worker
 * first shuts out whoever wrote it before, then brings its store to what the output holds (or builds it from the
 * newest window of the output where it has none), and reads on where the group's offset stands.
 *
 * @throws OtaError USAGE when the topics differ in partitions; what no worker recovers from by itself
 */
export async function runKafkaWorkers(options: KafkaWorkersOptions): Promise<KafkaWorkersSummary> {
  const { time } = options.pipeline;
  const startMs = time.monotonicMs();
  const result = await takePart(options);
  const summary = { ...result, seconds: Math.max(0, time.monotonicMs() - startMs) / 1000, isInterrupted: true };
  const { misrouted: _, ...finished } = summary;
  await options.onEvent({ type: 'finished', ...finished });
  return summary;
}

type Result = Pick<KafkaWorkersSummary, 'counts' | 'window' | 'misrouted'>;

async function takePart(options: KafkaWorkersOptions): Promise<Result> {
  try {
    return await inGroup(options);
  } catch (error) {
    if (!isInterruption(error, options.signal)) throw error; // else it had not joined yet
    return { counts: noCounts(), window: { keys: 0, isFull: false }, misrouted: 0 };
  }
}

async function inGroup(options: KafkaWorkersOptions): Promise<Result> {
  const { input, output, signal } = options;
  await using cluster = await connectKafka(input, signal);
  const topic = await cluster.topic(input.topic, signal);
  requirePartitions(topic, options.partitions);
  await requireSamePartitions(topic, output, signal);
  const workers = new Workers(options, topic);
  await joinGroup(cluster, input, workers, AbortSignal.any([signal, workers.failed]));
  return workers.summary();
}

function requirePartitions({ name, partitions }: KafkaTopic, expected = partitions): void {
  if (partitions === expected) return;
  throw new OtaError('USAGE', `kafka topic ${name}: has ${partitions} partitions, ${expected} were expected`, [
    'Leave --partitions out: each partition of the topic has a store.',
  ]);
}

async function requireSamePartitions(input: KafkaTopic, output: KafkaWorkersOptions['output'], signal: AbortSignal) {
  await using cluster = await connectKafka(output, signal);
  const { name, partitions } = await cluster.topic(output.topic, signal);
  if (partitions === input.partitions) return;
  throw new OtaError(
    'USAGE',
    `kafka topic ${name}: has ${partitions} partitions, the ${input.partitions} of ${input.name} were expected`,
    ['Make the output with as many partitions as the input: each one is written by the worker of its number.'],
  );
}

interface RunningWorker {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** Failures that pass: the partition moved on and may come back, a broker restarts, a former worker still holds the store. */
const PASSING = new Set(['LOCKED', 'NETWORK_FAILED', 'BROKER_REFUSED']);
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 10_000;

/** The workers of the partitions that this member has at the moment. */
class Workers implements PartitionOwner {
  readonly #options: KafkaWorkersOptions;
  readonly #topic: KafkaTopic;
  readonly #pacing: ReturnType<typeof pacingOf>;
  readonly #running = new Map<number, RunningWorker>();
  readonly #failed = new AbortController();
  readonly #events: WorkerEvents;
  #misrouted = 0;

  constructor(options: KafkaWorkersOptions, topic: KafkaTopic) {
    this.#options = options;
    this.#topic = topic;
    this.#pacing = pacingOf(options.input);
    this.#events = new WorkerEvents(options.onEvent);
  }

  /** Raised when a worker met a failure that does not pass. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  assigned(partitions: readonly number[]): void {
    for (const partition of partitions) {
      const stop = new AbortController();
      const ended = this.#keepRunning(partition, stop.signal).catch((error: unknown) => this.#failed.abort(error));
      this.#running.set(partition, { stop, ended });
    }
  }

  async revoked(partitions: readonly number[]): Promise<void> {
    await Promise.all(
      partitions.map(async (partition) => {
        const worker = this.#running.get(partition);
        worker?.stop.abort();
        await worker?.ended;
        if (this.#running.get(partition) === worker) this.#running.delete(partition);
        if (!this.#options.signal.aborted) this.#events.handedOver(partition);
      }),
    );
  }

  async lost(partitions: readonly number[]): Promise<void> {
    await this.revoked(partitions);
  }

  /** @throws the failure that ended a worker */
  summary(): Result {
    if (this.failed.aborted) throw this.failed.reason;
    return { ...this.#events.summary(), misrouted: this.#misrouted };
  }

  async #keepRunning(partition: number, signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      const startMs = this.#pacing.monotonicMs();
      try {
        return await this.#run(partition, signal);
      } catch (error) {
        if (signal.aborted) return; // whoever has the partition now finds the same truth
        if (!(error instanceof OtaError) || !PASSING.has(error.code)) throw error;
        await this.#options.onEvent({ type: 'warning', code: error.code, message: error.message });
        if (this.#pacing.monotonicMs() - startMs > LONGEST_RETRY_MS) failures = 0;
        const waitMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
        await this.#pacing.delay(waitMs, signal).catch(() => {});
      }
    }
  }

  async #run(partition: number, signal: AbortSignal): Promise<void> {
    const { input, output, store: options, missingId, pipeline } = this.#options;
    const { directory, ...storeOptions } = options;
    await using open = new ResourceStack();
    const closing = <T extends { close(): Promise<void> }>(resource: T): T => {
      open.use({ [Symbol.asyncDispose]: () => resource.close() });
      return resource;
    };
    const source = closing(await openKafkaSource({ ...input, partitions: [partition], isCommittedBySink: true }));
    // Before the store: a former worker of this machine lets go of it once it is shut out.
    const sink = closing(
      await openKafkaSink({
        ...output,
        partition,
        transactionalId: `${input.group}.${input.topic}.${partition}`,
        input: { source: source.id, topic: this.#topic, group: input.group },
        onGap: (gap, offsets) => this.#tellGap(gap, offsets),
      }),
    );
    const store = closing(
      await openPartitionedStore(directory, {
        ...storeOptions,
        partitions: this.#topic.partitions,
        only: partition,
        sinkId: sink.id,
      }),
    );
    const letters = await this.#options.openDeadLetters?.(partition);
    const deadLetters = letters && closing(letters);
    const { digestBytes, digestIgnore = [] } = storeOptions;
    try {
      await runPipeline({
        ...pipeline,
        sources: [source],
        sink,
        store,
        decode: { secret: store.secret, missingId, digestBytes, digestIgnore },
        ...(deadLetters !== undefined && { deadLetters }),
        fromCheckpoint: true,
        newOutput: storeOptions.newOutput ?? false,
        rebuild: true,
        signal,
        onEvent: (event) => this.#events.take(partition, event),
      });
    } finally {
      this.#events.ended(partition);
      await this.#tellMisrouted(source);
    }
  }

  async #tellMisrouted(source: KafkaSource): Promise<void> {
    const count = source.misrouted();
    if (count === 0) return;
    this.#misrouted += count;
    const message = `${source.id}: ${count} records have a key that is not their message id; a repetition with another key is not found`;
    await this.#options.onEvent({ type: 'warning', code: 'MISROUTED', message });
  }

  #tellGap(partition: number, offsets: number): void {
    const message = `kafka topic ${this.#options.output.topic}, partition ${partition}: ${offsets} offsets of the output were removed by its retention before this store had seen them; their repetitions are not found`;
    void this.#options.onEvent({ type: 'warning', code: 'OUTPUT_GAP', message });
  }
}
