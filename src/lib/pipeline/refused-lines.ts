import { OtaError } from '../core/errors.js';
import { VERDICT } from '../dedupe/store.js';
import type { DeadLetter } from '../telemetry/dead-letter.js';
import type { Source } from '../telemetry/source.js';
import type { JudgedBatch } from './accepted-messages.js';
import type { DecodedBatch, Reject } from './decoded-batch.js';
import { endName } from './end-name.js';
import type { InputBatch, InputChunk } from './input-batches.js';

const LINE_FEED = 0x0a;

/** Cause of a dead letter whose id came with another payload before. */
export const CONFLICT = 'conflict';

export type JudgedChunk = InputChunk & JudgedBatch;

/** What of a batch does not come out and is no duplicate: rejects and conflicts, with their lines. */
export function refusedLines(source: string, chunks: readonly JudgedChunk[]): DeadLetter[] {
  return chunks.flatMap(({ decoded, firstLine, verdicts }) => [
    ...decoded.rejects.map(({ line, start, end, cause }) => ({
      source,
      line,
      cause,
      bytes: decoded.bytes.subarray(start, end),
    })),
    ...conflicts(decoded, firstLine, verdicts).map((conflict) => ({ source, cause: CONFLICT, ...conflict })),
  ]);
}

function conflicts(
  { bytes, count, starts, ends }: DecodedBatch,
  firstLine: number,
  verdicts: Uint8Array,
): { line: number; bytes: Uint8Array }[] {
  const found: { line: number; bytes: Uint8Array }[] = [];
  let line = firstLine;
  let counted = 0;
  for (let index = 0; index < count; index++) {
    if (verdicts[index] !== VERDICT.conflict) continue;
    const start = starts[index]!;
    for (; counted < start; counted++) if (bytes[counted] === LINE_FEED) line++;
    found.push({ line, bytes: bytes.subarray(start, ends[index]! - 1) });
  }
  return found;
}

/** A batch up to the first line that is no message. What follows it is read again. */
export function upToReject({ source, chunks }: InputBatch): {
  readonly chunks: readonly InputChunk[];
  readonly failure?: OtaError;
} {
  const index = chunks.findIndex(({ decoded }) => decoded.rejects.length > 0);
  if (index === -1) return { chunks };
  const chunk = chunks[index]!;
  const reject = chunk.decoded.rejects[0]!;
  const before = { ...chunk, decoded: messagesBefore(chunk.decoded, reject.start), position: undefined };
  return { chunks: [...chunks.slice(0, index), before], failure: invalidMessage(source, reject) };
}

/** The messages that begin before an offset. */
export function messagesBefore(decoded: DecodedBatch, offset: number): DecodedBatch {
  let count = 0;
  while (count < decoded.count && decoded.starts[count]! < offset) count++;
  return { ...decoded, count, rejects: decoded.rejects.filter(({ start }) => start < offset) };
}

function invalidMessage(source: Source, { line, cause }: Reject): OtaError {
  return new OtaError('MESSAGE_INVALID', `${endName(source)}: line ${line}: ${cause}`, [
    'Mend the line and run again, or leave out --strict: then such lines go to the dead letters.',
  ]);
}

export function conflictingMessage({ source, line }: DeadLetter): OtaError {
  return new OtaError(
    'MESSAGE_CONFLICT',
    `${endName({ id: source })}: line ${line}: another message with this id came out before`,
    ['Find out who gives two messages one id, or leave out --strict: then such lines go to the dead letters.'],
  );
}
