import type { JsonObject } from '../core/strict-json.js';
import type { Source } from '../telemetry/source.js';
import type { DecodedBatch } from './decoded-batch.js';
import type { InFlightLimits } from './in-flight.js';
import { InputLane, type LaneOptions } from './input-lane.js';

/** A batch is complete with its bytes, or when its first lines have waited for so long. */
const LINGER_MS = 100;

export interface BatchOptions extends Omit<LaneOptions, 'onChange'> {
  readonly limits: InFlightLimits;
}

/** A decoded chunk and what it was read from. */
export interface InputChunk {
  readonly decoded: DecodedBatch;
  readonly firstLine: number;
  readonly inputBytes: number;
  /** Absent where a stage still holds back lines before it. */
  readonly position: JsonObject | undefined;
}

/** What is judged, written and committed together. */
export interface InputBatch {
  readonly source: Source;
  readonly chunks: readonly InputChunk[];
}

/**
 * Reads sources into batches: as large as makes syncing cheap while lines come fast, and soon when they come
 * slowly. Sources follow each other, those that never end by themselves take turns with them.
 *
 * After an abort nothing more comes, but for sources that could not be read again: what was taken from a pipe
 * is still given.
 *
 * @throws what a source or a decoder throws, once everything before it was given
 */
export async function* inputBatches(
  sources: readonly Source[],
  options: BatchOptions,
  signal: AbortSignal,
): AsyncGenerator<InputBatch, void, undefined> {
  let change = Promise.withResolvers<void>();
  const onChange = () => {
    change.resolve();
    change = Promise.withResolvers();
  };
  const ended = new AbortController();
  const reading = AbortSignal.any([signal, ended.signal]);
  const finite = sources.filter(({ isLive }) => isLive !== true);
  const groups = [
    ...(finite.length > 0 ? [finite] : []),
    ...sources.filter(({ isLive }) => isLive).map((live) => [live]),
  ];
  const lanes = groups.map((group) => new InputLane(group, { ...options, onChange }, reading));
  signal.addEventListener('abort', onChange, { once: true });
  try {
    for (let turn = 0; ; ) {
      if (signal.aborted) {
        for (const lane of lanes) lane.drop(({ source }) => source.recovery !== 'none');
      }
      const changed = change.promise; // taken before the look, so that nothing is missed
      if (lanes.map((lane) => lane.isDone).every(Boolean)) return;
      const lane = lanes
        .map((_, step) => lanes[(turn + step) % lanes.length]!)
        .find(({ first }) => first !== undefined);
      if (lane === undefined) {
        await changed;
        continue;
      }
      yield await nextBatch(lane, options.limits, () => change.promise, signal);
      turn = lanes.indexOf(lane) + 1;
    }
  } finally {
    signal.removeEventListener('abort', onChange);
    ended.abort();
    await Promise.all(lanes.map((lane) => lane.reading));
  }
}

/** Takes the chunks of one source until the batch is complete. */
async function nextBatch(
  lane: InputLane,
  { maxBatchBytes, maxBatchMessages }: InFlightLimits,
  change: () => Promise<void>,
  signal: AbortSignal,
): Promise<InputBatch> {
  const { source } = lane.first!;
  const chunks: InputChunk[] = [];
  let bytes = 0;
  let messages = 0;
  let linger: Linger | undefined;
  try {
    while (bytes < maxBatchBytes && messages < maxBatchMessages) {
      const changed = change();
      const next = lane.first;
      if (next === undefined) {
        // A redelivering source has lingered itself: its sender may wait for acknowledgements.
        if (lane.hasEnded || signal.aborted || source.recovery === 'redelivery') break;
        linger ??= new Linger(LINGER_MS);
        await Promise.race([changed, linger.over]);
        if (linger.isOver) break;
        continue;
      }
      if (next.source !== source) break;
      const decoded = await next.decoded;
      lane.take();
      const { firstLine, inputBytes, position } = next;
      chunks.push({ decoded, firstLine, inputBytes, position });
      bytes += inputBytes;
      messages += decoded.count;
    }
  } finally {
    linger?.stop();
  }
  return { source, chunks };
}

class Linger {
  isOver = false;
  readonly over: Promise<void>;
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#timer = setTimeout(() => {
      this.isOver = true;
      resolve();
    }, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
