import { isDeepStrictEqual } from 'node:util';
import { throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import type { JsonObject } from '../core/strict-json.js';
import type { PartitionedStore } from '../dedupe/partitioned-store.js';
import { type CheckpointRecord, type DedupeStore, VERDICT } from '../dedupe/store.js';
import type { RecoverableSink, Sink } from '../telemetry/sink.js';
import { decodeCheckpoint, encodeCheckpoint, type PipelineCheckpoint } from './checkpoint.js';
import type { DecodeOptions } from './decode-lines.js';
import { endName } from './end-name.js';
import { judge } from './judge.js';
import { medianTime } from './median-time.js';
import { outputTail } from './output-tail.js';

/** Keys of the tail that are inserted before the next commit. */
const KEYS_A_COMMIT = 64 * 1024;

export interface RecoverOptions {
  readonly sink: Sink;
  readonly store: PartitionedStore;
  readonly decode: DecodeOptions;
  readonly newOutput: boolean;
  readonly rebuild: boolean;
  readonly signal: AbortSignal;
  /** Told after each commit of a long repair. */
  onTail?(messages: number): void;
}

/** Store and output agree again. */
export interface Recovery {
  /** From here the run goes on: newest in every partition. */
  readonly checkpoint: PipelineCheckpoint;
  /** The store was new. */
  readonly isFirst: boolean;
  readonly addedKeys: number;
  readonly removedKeys: number;
  readonly tailMessages: number;
  /** Lines of the output's tail that are no messages. */
  readonly foreignLines: number;
  /** A write that was never synced was cut off in its middle. */
  readonly isTorn: boolean;
  /** The output holds more than a new store took up: what is older comes out again when it is read again. */
  readonly isPartial: boolean;
}

/**
 * Brings a store to what its output holds, in both directions, before any input is read.
 *
 * 1. A partition that knows more than the output holds goes back to its newest checkpoint that the output reaches.
 * 2. Half a message at the output's end, and what a power cut left of a write that was never synced, is cut off. Of an
 *    output that is new to the store only the former: what else stands there is no write of ours.
 * 3. Ids behind the lowest checkpoint of all partitions are inserted. Partitions ahead of it know some of them.
 * 4. All partitions get one checkpoint: the output's end, and how far the lowest one had read its inputs.
 *
 * Each step may be cut short: the next start finds the same truth.
 *
 * @throws OtaError OUTPUT_EXISTS for a new store in front of an output that holds something already;
 *   CHECKPOINT_MISMATCH when the output was replaced or lost more than the store can go back
 */
export async function recover(options: RecoverOptions): Promise<Recovery> {
  const { sink, store } = options;
  const newest = [...store.stores.values()].map(newestCheckpoint);
  const known = newest.filter((checkpoint) => checkpoint !== undefined);
  if (!isRecoverable(sink)) return withoutOutput(sink, known);
  if (known.length === 0) return await firstStart(sink, options);
  const partitions = await reachableCheckpoints(sink, options);
  return await repair(sink, partitions, options);
}

export function isRecoverable(sink: Sink): sink is RecoverableSink {
  return sink.guarantee === 'exactly-once';
}

/** Where a partition stands once the output reaches it. */
interface Standing {
  readonly checkpoint: PipelineCheckpoint;
  readonly removedKeys: number;
  /** For one that knows more. */
  readonly rollBack?: () => Promise<void>;
}

function newestCheckpoint(store: DedupeStore): PipelineCheckpoint | undefined {
  for (const { data } of store.checkpoints()) return decodeCheckpoint(data);
  return undefined;
}

const NOWHERE: PipelineCheckpoint = { sequence: 0, sink: '', inputs: [] };

function lowest(checkpoints: readonly PipelineCheckpoint[]): PipelineCheckpoint {
  return checkpoints.reduce((low, next) => (next.sequence < low.sequence ? next : low));
}

function highest(checkpoints: readonly PipelineCheckpoint[]): PipelineCheckpoint {
  return checkpoints.reduce((high, next) => (next.sequence > high.sequence ? next : high));
}

/** Nobody can be asked what came out: the lowest checkpoint counts. */
function withoutOutput(sink: Sink, known: readonly PipelineCheckpoint[]): Recovery {
  const checkpoint = known.length === 0 ? NOWHERE : lowest(known);
  return {
    checkpoint: { ...checkpoint, sink: sink.id, sequence: known.length === 0 ? 0 : highest(known).sequence },
    isFirst: known.length === 0,
    addedKeys: 0,
    removedKeys: 0,
    tailMessages: 0,
    foreignLines: 0,
    isTorn: false,
    isPartial: false,
  };
}

/**
 * A first checkpoint before the first message: without it, a store that was killed before its first commit would
 * look like a new one in front of somebody else's output.
 */
async function firstStart(sink: RecoverableSink, options: RecoverOptions): Promise<Recovery> {
  const { store } = options;
  const isEmpty = await sink.isEmpty();
  const first: PipelineCheckpoint = { sequence: 1, sink: sink.id, inputs: [], ...(!isEmpty && { takesUp: true }) };
  if (!isEmpty && !options.rebuild) throw outputNotEmpty(sink);
  const output = isEmpty ? await sink.end() : await sink.newest(windowKeys(store));
  // `end` has locked the output: until then another new store may have taken it for its own.
  if (isEmpty && !(await sink.isEmpty())) throw outputNotEmpty(sink);
  const isPartial = !isEmpty && output !== undefined;
  const checkpoint: PipelineCheckpoint = { ...first, ...(output && { output }), ...(isPartial && { isPartial }) };
  await store.commit({ data: encodeCheckpoint(checkpoint) });
  const standing = { checkpoint, removedKeys: 0 };
  return { ...(await repair(sink, [standing], options)), isFirst: true, isPartial };
}

/** Most keys that a store remembers: as many as fit, where its window counts bytes. */
function windowKeys({ stores }: PartitionedStore): number {
  const bytesOfKey = 14; // sealed, without a digest
  let keys = 0;
  for (const store of stores.values()) {
    const { window } = store.stats();
    keys += 'keys' in window ? window.keys : Math.ceil(window.bytes / bytesOfKey);
  }
  return keys;
}

/** Finds for every partition where the output reaches it, and only then rolls back those that know more. */
async function reachableCheckpoints(sink: RecoverableSink, options: RecoverOptions): Promise<Standing[]> {
  const isEmpty = await sink.isEmpty();
  const standings: Standing[] = [];
  for (const store of options.store.stores.values()) {
    standings.push(await reachableCheckpoint(store, sink, isEmpty, options.newOutput));
  }
  for (const { rollBack } of standings) await rollBack?.();
  return standings;
}

async function reachableCheckpoint(
  store: DedupeStore,
  sink: RecoverableSink,
  isEmpty: boolean,
  newOutput: boolean,
): Promise<Standing> {
  let newestKeys: number | undefined;
  for (const candidate of store.checkpoints()) {
    const checkpoint = decodeCheckpoint(candidate.data);
    const isOfOutput = checkpoint.sink === sink.id;
    const isReached = isOfOutput && (checkpoint.output === undefined || (await sink.reaches(checkpoint.output)));
    if (newestKeys === undefined) {
      newestKeys = candidate.insertedKeys;
      if (isReached) return { checkpoint, removedKeys: 0 };
      // The store is bound to this output now, or was a moment before it died: all that the output holds counts.
      if (newOutput || !isOfOutput) return { checkpoint: ofNewOutput(checkpoint, sink), removedKeys: 0 };
      if (isEmpty) throw outputGone(sink);
      if (!((await sink.beginsAs?.(checkpoint.output!)) ?? true)) throw outputReplaced(sink);
    } else if (isReached) {
      const removedKeys = newestKeys - candidate.insertedKeys;
      return { checkpoint, removedKeys, rollBack: () => store.rollBackTo(candidate) };
    }
    if (!isOfOutput) break;
  }
  // Its first commit was cut short, before anything came out.
  if (newestKeys === undefined) return { checkpoint: { ...NOWHERE, sink: sink.id }, removedKeys: 0 };
  throw outputReplaced(sink);
}

function ofNewOutput({ output: _, ...checkpoint }: PipelineCheckpoint, sink: Sink): PipelineCheckpoint {
  return { ...checkpoint, sink: sink.id, takesUp: true };
}

/** Steps 2 to 4. */
async function repair(
  sink: RecoverableSink,
  standings: readonly Standing[],
  options: RecoverOptions,
): Promise<Recovery> {
  const { store, decode, signal } = options;
  const checkpoints = standings.map(({ checkpoint }) => checkpoint);
  const low = lowest(checkpoints);
  const high = highest(checkpoints);
  const takesUp = checkpoints.some((checkpoint) => checkpoint.takesUp);
  let sequence = high.sequence;
  let end = await sink.end();
  let pendingKeys = 0;
  const counts = { addedKeys: 0, tailMessages: 0, foreignLines: 0, isTorn: false };
  const commit = async (position: JsonObject | undefined, eventTimeMs: number | undefined, isDone: boolean) => {
    sequence++;
    const { output: _, takesUp: __, ...before } = low;
    const checkpoint: PipelineCheckpoint = {
      ...before,
      sequence,
      ...(position !== undefined && { output: position }),
      ...(takesUp && !isDone && { takesUp }),
    };
    const record: CheckpointRecord = { data: encodeCheckpoint(checkpoint) };
    await store.commit(eventTimeMs === undefined ? record : { ...record, eventTimeMs });
    pendingKeys = 0;
    return checkpoint;
  };
  let eventTimeMs: number | undefined;
  const unread = { from: low.output, settled: high.output, isOurs: !takesUp };
  for await (const part of outputTail(sink, unread, decode, signal)) {
    const verdicts = judge(store, part.decoded);
    for (let index = 0; index < part.decoded.count; index++) if (verdicts[index] === VERDICT.new) counts.addedKeys++;
    counts.tailMessages += part.decoded.count;
    counts.foreignLines += part.foreignLines;
    pendingKeys += part.decoded.count;
    eventTimeMs = medianTime([part.decoded]) ?? eventTimeMs;
    if (part.tear !== undefined) {
      counts.isTorn = true;
      await sink.cutBack?.(part.tear.after, part.tear.bytes);
      end = await sink.end();
      break;
    }
    if (pendingKeys >= KEYS_A_COMMIT) {
      await commit(part.position, eventTimeMs, false);
      options.onTail?.(counts.tailMessages);
    }
  }
  throwIfAborted(signal); // the tail was not read to its end then
  const stands =
    !takesUp &&
    checkpoints.every((checkpoint) => checkpoint.sequence === low.sequence) &&
    isDeepStrictEqual(end, low.output);
  const removedKeys = standings.reduce((sum, standing) => sum + standing.removedKeys, 0);
  return {
    checkpoint: stands ? low : await commit(end, eventTimeMs, true),
    isFirst: false,
    isPartial: false,
    removedKeys,
    ...counts,
  };
}

function outputGone(sink: Sink): OtaError {
  return new OtaError(
    'CHECKPOINT_MISMATCH',
    `${endName(sink)}: is missing or empty, and the store knows what came out`,
    ['Bring the output back, or add --new-output to go on with a new one.'],
  );
}

function outputReplaced(sink: Sink): OtaError {
  return new OtaError(
    'CHECKPOINT_MISMATCH',
    `${endName(sink)}: does not hold what came out at any checkpoint that the store can go back to`,
    [
      'Bring the output back, or add --new-output if it was replaced on purpose.',
      'Run `fleet dedupe rebuild` to build the store anew from what the output holds.',
    ],
  );
}

/** A new store in front of an output that it knows nothing of. */
export function outputNotEmpty(sink: Sink): OtaError {
  return new OtaError(
    'OUTPUT_EXISTS',
    `${endName(sink)}: holds something already, and the store is new: nobody knows which messages came out`,
    ['Add --rebuild to take up the ids that it holds, or name another output.'],
  );
}
