import { VERDICT } from '../dedupe/store.js';
import { jsonStringText } from '../telemetry/json-text.js';
import type { AcceptedMessages } from '../telemetry/sink.js';
import type { DecodedBatch } from './decoded-batch.js';

/** Messages and what the store said of each. */
export interface JudgedBatch {
  readonly decoded: DecodedBatch;
  /** One of VERDICT for each message. */
  readonly verdicts: Uint8Array;
}

/** The new ones of several batches, in order. */
export function acceptedMessages(batches: readonly JudgedBatch[]): AcceptedMessages {
  const runs: Uint8Array[] = [];
  let count = 0;
  for (const batch of batches) count += addRuns(batch, runs);
  return { count, runs, messages: () => messagesOf(batches) };
}

/** Adds a view for each row of new neighbours; returns how many are new. */
function addRuns({ decoded, verdicts }: JudgedBatch, runs: Uint8Array[]): number {
  const { bytes, count, starts, ends } = decoded;
  let accepted = 0;
  let runStart = 0;
  let runEnd = 0;
  for (let index = 0; index < count; index++) {
    if (verdicts[index] !== VERDICT.new) continue;
    accepted++;
    const start = starts[index]!;
    if (start !== runEnd) {
      if (runEnd > runStart) runs.push(bytes.subarray(runStart, runEnd));
      runStart = start;
    }
    runEnd = ends[index]!;
  }
  if (runEnd > runStart) runs.push(bytes.subarray(runStart, runEnd));
  return accepted;
}

function* messagesOf(batches: readonly JudgedBatch[]): Generator<{ readonly id: string; readonly line: Uint8Array }> {
  for (const { decoded, verdicts } of batches) {
    const { bytes, count, starts, ends, idStarts, idEnds } = decoded;
    for (let index = 0; index < count; index++) {
      if (verdicts[index] !== VERDICT.new) continue;
      yield {
        id: jsonStringText(bytes, idStarts[index]!, idEnds[index]!),
        line: bytes.subarray(starts[index]!, ends[index]! - 1),
      };
    }
  }
}
