import type { DurableFs } from '../../../src/lib/core/durable-fs.js';
import type { JsonObject } from '../../../src/lib/core/strict-json.js';
import { openPartitionedStore, type PartitionedStoreOptions } from '../../../src/lib/dedupe/partitioned-store.js';
import type { DecodeOptions } from '../../../src/lib/pipeline/decode-lines.js';
import type { PipelineOptions, PipelineSummary } from '../../../src/lib/pipeline/pipeline-options.js';
import { runPipeline } from '../../../src/lib/pipeline/run-pipeline.js';
import { type DeadLetters, openDeadLetters } from '../../../src/lib/telemetry/dead-letter.js';
import { fileSink } from '../../../src/lib/telemetry/file-sink.js';
import type { LineChunk } from '../../../src/lib/telemetry/line-chunk.js';
import type { Sink } from '../../../src/lib/telemetry/sink.js';
import type { Source } from '../../../src/lib/telemetry/source.js';

export const OUTPUT = '/data/out.ndjson';
export const DEAD_LETTERS = '/data/dead.ndjson';

export interface RunOptions extends Partial<Omit<PipelineOptions, 'store' | 'decode' | 'deadLetters' | 'sink'>> {
  readonly sources: readonly Source[];
  /** The file sink by default. */
  readonly sink?: Sink;
  readonly store?: Partial<PartitionedStoreOptions>;
  readonly decode?: Partial<DecodeOptions>;
  readonly hasDeadLetters?: boolean;
  /** Of the store. */
  readonly directory?: string;
  readonly run?: typeof runPipeline;
}

/** One life of a process on a disk: opens everything, runs to the end of its input, closes. */
export async function runOn(fs: DurableFs, options: RunOptions): Promise<PipelineSummary> {
  const {
    sink = fileSink(fs, OUTPUT),
    store: storeOptions,
    decode,
    hasDeadLetters,
    newOutput = false,
    run = runPipeline,
  } = options;
  const digestBytes = storeOptions?.digestBytes ?? 0;
  const store = await openPartitionedStore(options.directory ?? '/data/store', {
    fs,
    tenant: 'default',
    partitions: 1,
    digestBytes,
    window: { keys: 10_000 },
    sinkId: sink.id,
    sealing: 'inline',
    newOutput,
    takeLock: async () => ({ release: async () => {} }),
    ...storeOptions,
  });
  let deadLetters: DeadLetters | undefined;
  try {
    if (hasDeadLetters) deadLetters = await openDeadLetters(fs, DEAD_LETTERS);
    return await run({
      threads: 0,
      strict: false,
      fromCheckpoint: true,
      newOutput,
      rebuild: false,
      time: { monotonicMs: () => 0 },
      signal: new AbortController().signal,
      onEvent: () => {},
      ...options,
      sink,
      store,
      decode: { secret: store.secret, missingId: 'refuse', digestBytes, digestIgnore: [], ...decode },
      ...(deadLetters && { deadLetters }),
    });
  } finally {
    await Promise.allSettled([store.close(), sink.close(), deadLetters?.close()]);
  }
}

export async function makeFolders(fs: DurableFs): Promise<void> {
  for (const directory of ['/data', '/data/store']) {
    await fs.makeDirectory(directory);
    await fs.syncDirectory(directory);
  }
}

export interface LinesOptions {
  readonly id?: string;
  /** Lines of each chunk, over and over again. */
  readonly chunkLines?: readonly number[];
  /** Called before each chunk. */
  readonly onRead?: (line: number) => void;
}

/** A source in memory that can be read from any of its positions. */
export function linesSource(lines: readonly string[], options: LinesOptions = {}): Source {
  const { id = 'memory', chunkLines = [1], onRead } = options;
  return {
    id,
    recovery: 'position',
    async *read(from, signal) {
      let done = from === undefined ? 0 : (from.lines as number);
      for (let turn = 0; done < lines.length && !signal.aborted; turn++) {
        onRead?.(done);
        const count = Math.min(chunkLines[turn % chunkLines.length]!, lines.length - done);
        const bytes = Buffer.from(
          lines
            .slice(done, done + count)
            .map((line) => `${line}\n`)
            .join(''),
        );
        done += count;
        yield { bytes, firstLine: done - count + 1, position: { lines: done } } satisfies LineChunk;
      }
    },
    committed: async () => {},
    lag: () => undefined,
    close: async () => {},
  };
}

/** A sender that repeats what was not acknowledged, in another order than before. */
export class RedeliveringSender {
  readonly #pending: Map<string, string>;
  #turn = 0;

  constructor(lines: readonly string[]) {
    this.#pending = new Map(lines.map((line, index) => [String(index), line]));
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** A new session with it. */
  source(chunkLines: readonly number[]): Source {
    const sent: string[] = [];
    const rest = [...this.#pending.keys()];
    if (this.#turn++ % 2 === 1) rest.reverse();
    const pending = this.#pending;
    return {
      id: 'sender',
      recovery: 'redelivery',
      async *read(_from, signal) {
        for (let turn = 0; rest.length > 0 && !signal.aborted; turn++) {
          const batch = rest.splice(0, chunkLines[turn % chunkLines.length]!);
          const bytes = Buffer.from(batch.map((key) => `${pending.get(key)}\n`).join(''));
          sent.push(...batch);
          yield { bytes, firstLine: 1, position: { sent: sent.length } };
        }
      },
      async committed(position: JsonObject) {
        for (const key of sent.slice(0, position.sent as number)) pending.delete(key);
      },
      lag: () => undefined,
      close: async () => {},
    };
  }
}

/** Ids of the lines of an output. Throws for a line that is no whole message. */
export function idsOf(output: Uint8Array | undefined): string[] {
  const text = Buffer.from(output ?? []).toString('utf8');
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line is torn');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line).messageId);
}
