import { resolve } from 'node:path';
import type { JsonObject } from '../core/strict-json.js';
import { VERDICT } from '../dedupe/store.js';
import type { DeadLetter } from '../telemetry/dead-letter.js';
import type { Source } from '../telemetry/source.js';
import { acceptedMessages } from './accepted-messages.js';
import { encodeCheckpoint, type PipelineCheckpoint, withInput } from './checkpoint.js';
import type { InputBatch, InputChunk } from './input-batches.js';
import { judge } from './judge.js';
import { medianTime } from './median-time.js';
import type { PipelineOptions } from './pipeline-options.js';
import { type Counting, noCounts } from './progress.js';
import { CONFLICT, conflictingMessage, type JudgedChunk, refusedLines, upToReject } from './refused-lines.js';

/** One run over its batches, one after the other. */
export class PipelineRun {
  readonly counts: Counting = noCounts();
  readonly #options: PipelineOptions;
  readonly #sourceIds: ReadonlySet<string>;
  #checkpoint: PipelineCheckpoint;
  /** The commit that is on its way. */
  #committing: Promise<void> = Promise.resolve();

  constructor(options: PipelineOptions, checkpoint: PipelineCheckpoint) {
    this.#options = options;
    this.#sourceIds = new Set(options.sources.map(({ id }) => id));
    const inputs = options.fromCheckpoint
      ? checkpoint.inputs
      : checkpoint.inputs.filter(({ source }) => !this.#sourceIds.has(source));
    this.#checkpoint = { ...checkpoint, inputs };
  }

  /** Where a source is to be read from; undefined for its start. */
  startOf({ id }: Source): JsonObject | undefined {
    return this.#checkpoint.inputs.find(({ source }) => source === id)?.position;
  }

  /**
   * Takes back the letters of batches that were not committed, where they come again: other stores may write to the
   * file as well. A file that the checkpoint does not name is left as it is, and named before the first letter goes there.
   */
  async alignDeadLetters(): Promise<void> {
    const { deadLetters, store } = this.#options;
    if (deadLetters === undefined) return;
    const path = resolve(deadLetters.path);
    const known = this.#checkpoint.deadLetters;
    if (known?.path === path) await deadLetters.cutBack(known.bytes, (letter) => this.#comesAgain(letter));
    if (known?.path === path && known.bytes === deadLetters.size) return;
    this.#advance({});
    await store.commit({ data: encodeCheckpoint(this.#checkpoint) });
  }

  /** Whether a line is read in this run, again or for the first time. */
  #comesAgain({ source: id, line }: Pick<DeadLetter, 'source' | 'line'>): boolean {
    const source = this.#options.sources.find((one) => one.id === id);
    if (source?.recovery !== 'position') return false;
    const start = this.startOf(source);
    return start === undefined || (typeof start.lines === 'number' && line > start.lines);
  }

  /**
   * Brings one batch to the output and sends it on its way into the store.
   *
   * The store takes the ids that were judged before a commit was called: the batch before this one is on its
   * way already, and this one follows only once its messages are durable.
   */
  async take(batch: InputBatch): Promise<void> {
    const { strict, sink, signal, store } = this.#options;
    const { chunks, failure: invalid } = strict ? upToReject(batch) : { ...batch, failure: undefined };
    const judged = chunks.map((chunk): JudgedChunk => ({ ...chunk, verdicts: judge(store, chunk.decoded) }));
    const accepted = acceptedMessages(judged);
    const refused = refusedLines(batch.source.id, judged);
    const conflict = strict ? refused.find(({ cause }) => cause === CONFLICT) : undefined;
    // With a conflict the batch is read again: the next run is to meet it, too.
    const position = conflict === undefined ? positionBehind(chunks) : undefined;
    const input = { source: batch.source.id, ...(position !== undefined && { position }) };
    const output = await bothOf(sink.write(accepted, input, signal), this.#bury(strict ? [] : refused));
    await this.#committing;
    this.#commit(batch.source, position, output, judged);
    this.#count(judged, accepted.count, accepted.runs);
    const failure = invalid ?? (conflict && conflictingMessage(conflict));
    if (failure === undefined) return;
    await this.#committing;
    throw failure;
  }

  /** Waits until nothing is on its way any more, however it ended. */
  async settle(): Promise<void> {
    await Promise.allSettled([this.#committing]);
  }

  /** @throws what made the last commit fail */
  async done(): Promise<void> {
    await this.#committing;
  }

  /** Takes all ids that were judged into one frame; goes on in the background. */
  #commit(
    source: Source,
    position: JsonObject | undefined,
    output: JsonObject | undefined,
    chunks: readonly InputChunk[],
  ): void {
    const { store } = this.#options;
    const isRead = (id: string) => this.#sourceIds.has(id);
    this.#advance({
      ...(output !== undefined && { output }),
      ...(position !== undefined && { inputs: withInput(this.#checkpoint.inputs, source.id, position, isRead) }),
    });
    const data = encodeCheckpoint(this.#checkpoint);
    const eventTimeMs = medianTime(chunks.map(({ decoded }) => decoded));
    this.#committing = store
      .commit(eventTimeMs === undefined ? { data } : { data, eventTimeMs })
      .then(() => (position === undefined ? undefined : source.committed(position)));
    this.#committing.catch(() => {}); // thrown where it is awaited
  }

  #advance(change: Partial<PipelineCheckpoint>): void {
    const { deadLetters } = this.#options;
    this.#checkpoint = {
      ...this.#checkpoint,
      ...change,
      sequence: this.#checkpoint.sequence + 1,
      ...(deadLetters && { deadLetters: { path: resolve(deadLetters.path), bytes: deadLetters.size } }),
    };
  }

  async #bury(letters: readonly DeadLetter[]): Promise<void> {
    const { deadLetters } = this.#options;
    if (deadLetters === undefined || letters.length === 0) return;
    await deadLetters.append(letters);
    await deadLetters.sync();
  }

  #count(judged: readonly JudgedChunk[], written: number, runs: readonly Uint8Array[]): void {
    const { counts } = this;
    counts.written += written;
    for (const { length } of runs) counts.outputBytes += length;
    for (const { decoded, inputBytes, verdicts } of judged) {
      counts.lines += decoded.count + decoded.rejects.length;
      counts.rejects += decoded.rejects.length;
      counts.derivedIds += decoded.derivedIds;
      counts.inputBytes += inputBytes;
      for (let index = 0; index < decoded.count; index++) {
        if (verdicts[index] === VERDICT.duplicate) counts.duplicates++;
        else if (verdicts[index] === VERDICT.conflict) counts.conflicts++;
      }
    }
  }
}

function positionBehind(chunks: readonly InputChunk[]): JsonObject | undefined {
  return chunks.findLast(({ position }) => position !== undefined)?.position;
}

/** The first one's result once both have ended, so that no failure leaves the other one at work. */
async function bothOf<T>(first: Promise<T>, second: Promise<void>): Promise<T> {
  await Promise.allSettled([first, second]);
  await second;
  return await first;
}
