import { isInterruption } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import type { LineChunk } from '../telemetry/line-chunk.js';
import type { Source } from '../telemetry/source.js';
import { requireRoom } from './checkpoint.js';
import { chunkDecoder } from './chunk-decoder.js';
import { endName } from './end-name.js';
import { inFlightLimits } from './in-flight.js';
import { inputBatches } from './input-batches.js';
import type { PipelineOptions, PipelineSummary } from './pipeline-options.js';
import { PipelineRun } from './pipeline-run.js';
import { Progress } from './progress.js';
import { recover } from './recover.js';
import { recoveryEvents, rereadSources, startEvents } from './start-events.js';
import { windowReport } from './window-report.js';

/**
 * Brings messages from sources to a sink, each id once as far back as the store remembers, whatever was
 * interrupted before.
 *
 * For each batch, in this order: ids are judged, the output is durable, ids and positions are committed in one
 * frame, the source is told. Before the first one, `recover` makes store and output agree.
 *
 * After any failure the caller closes the store, which forgets what was judged and not committed.
 *
 * @throws OtaError USAGE for a source that is named twice; MESSAGE_INVALID, MESSAGE_CONFLICT with `strict`;
 *   OUTPUT_EXISTS, CHECKPOINT_MISMATCH when store, output and sources do not belong together; LIMIT_EXCEEDED for too
 *   many sources; INTERRUPTED, TERMINATED while it still repairs; or what source, sink and store throw
 */
export async function runPipeline(options: PipelineOptions): Promise<PipelineSummary> {
  const { sources, signal, store, threads, onEvent } = options;
  requireDistinct(sources);
  requireRoom(sources);
  const recovery = await recover(options);
  const run = new PipelineRun(options, recovery.checkpoint);
  const reread = rereadSources(options, recovery.checkpoint, (source) => run.startOf(source));
  const isContinued = sources.some((source) => run.startOf(source) !== undefined);
  for (const event of [...startEvents(options, isContinued, reread, recovery), ...recoveryEvents(options, recovery)])
    await onEvent(event);
  await run.alignDeadLetters();

  using progress = new Progress({ ...options, counts: run.counts });
  await using decoder = chunkDecoder(options.decode, threads);
  const limits = inFlightLimits(store, options.batchBytes);
  const read = (source: Source, reading: AbortSignal) =>
    linesOf(source.read(run.startOf(source), reading, limits), source.id, options, reading);
  let isInterrupted = false;
  try {
    for await (const batch of inputBatches(sources, { read, decode: decoder.decode, limits }, signal)) {
      await run.take(batch);
      await progress.tell();
    }
    isInterrupted = signal.aborted;
  } catch (error) {
    // A sink may give up waiting for an answer then. Nothing of that batch is committed.
    if (!isInterruption(error, signal)) throw error;
    isInterrupted = true;
  } finally {
    await run.settle();
  }
  await run.done();
  const window = windowReport(store);
  await progress.warnOfShortWindow(window);
  const summary = { counts: { ...run.counts }, seconds: progress.seconds, window, isInterrupted };
  await onEvent({ type: 'finished', ...summary });
  return summary;
}

function linesOf(
  lines: AsyncIterable<LineChunk>,
  source: string,
  { drill, pacing }: Pick<PipelineOptions, 'drill' | 'pacing'>,
  signal: AbortSignal,
): AsyncIterable<LineChunk> {
  const drilled = drill === undefined ? lines : drill(lines, source, signal);
  return pacing === undefined ? drilled : pacing(drilled, source, signal);
}

/** @throws OtaError USAGE for a source that is named twice */
export function requireDistinct(sources: readonly Source[]): void {
  const ids = sources.map(({ id }) => id);
  const twice = sources.find(({ id }, index) => ids.indexOf(id) < index);
  if (twice === undefined) return;
  throw new OtaError('USAGE', `${endName(twice)}: is named twice, expected each source once`, [
    'Name it once, or concatenate it into stdin (`-`).',
  ]);
}
