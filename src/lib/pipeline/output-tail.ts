import type { JsonObject } from '../core/strict-json.js';
import type { RecoverableSink } from '../telemetry/sink.js';
import { type DecodeOptions, lineDecoder } from './decode-lines.js';
import type { DecodedBatch } from './decoded-batch.js';
import { messagesBefore } from './refused-lines.js';

/**
 * Most bytes at the end of an output that one interrupted write can have left in disorder: more than two of the
 * largest batches.
 */
const MAX_TORN_BYTES = 16 * 1024 * 1024;

/** A part of the output's tail, in order. */
export interface TailPart {
  readonly decoded: DecodedBatch;
  /** Behind it. Absent where the output is to be cut within it. */
  readonly position: JsonObject | undefined;
  /** Lines of what was durable that are no messages: somebody else wrote them, or they were damaged later. */
  readonly foreignLines: number;
  /** Where a write that was never synced was torn in its middle: everything behind is to be cut off. */
  readonly tear?: { readonly after: JsonObject | undefined; readonly bytes: number };
}

interface UnreadOutput {
  readonly from: JsonObject | undefined;
  readonly settled: JsonObject | undefined;
  readonly isOurs: boolean;
}

/**
 * Reads what the output holds behind a checkpoint.
 *
 * A power cut may keep any blocks of a write that was not synced, so lines that are none may stand before others
 * that are whole. Nobody was told of those that follow, and they are read from the input again. Lines that are
 * none further from the end than one write reaches are no such tear.
 *
 * @param unread.settled position up to which the output is known to be durable: there is no tear before it
 * @param unread.isOurs whether a store wrote it that knows how far: otherwise nothing is taken for a tear
 */
export async function* outputTail(
  sink: RecoverableSink,
  { from, settled, isOurs }: UnreadOutput,
  options: DecodeOptions,
  signal: AbortSignal,
): AsyncGenerator<TailPart, void, undefined> {
  const canBeTorn = isOurs && sink.cutBack !== undefined;
  const tornBytes = canBeTorn ? Math.min(await bytesBehind(sink, settled, signal), MAX_TORN_BYTES) : 0;
  // Without derived ids no line changes its length: offsets are those of the output.
  const decode = lineDecoder({ ...options, missingId: 'refuse' });
  // What may still turn out to lie behind a tear is held back.
  const held: HeldPart[] = [];
  let heldBytes = 0;
  let after = from;
  for await (const chunk of sink.tail(from, signal)) {
    const bytes = chunk.bytes.length;
    held.push({ decoded: decode(chunk), bytes, after, position: chunk.position });
    heldBytes += bytes;
    after = chunk.position;
    while (held.length > 0 && heldBytes - held[0]!.bytes >= tornBytes) {
      const { decoded, position, bytes: given } = held.shift()!;
      heldBytes -= given;
      yield { decoded, position, foreignLines: decoded.rejects.length };
    }
  }
  let leftBytes = heldBytes;
  for (const { decoded, after: before, position, bytes } of held) {
    const tear = decoded.rejects.find(({ start }) => leftBytes - start <= tornBytes);
    const foreignLines = tear === undefined ? decoded.rejects.length : decoded.rejects.indexOf(tear);
    if (tear !== undefined) {
      const cut = { after: before, bytes: tear.start };
      yield { decoded: messagesBefore(decoded, tear.start), position: undefined, foreignLines, tear: cut };
      return;
    }
    yield { decoded, position, foreignLines };
    leftBytes -= bytes;
  }
}

interface HeldPart {
  readonly decoded: DecodedBatch;
  readonly bytes: number;
  readonly after: JsonObject | undefined;
  readonly position: JsonObject | undefined;
}

async function bytesBehind(
  sink: RecoverableSink,
  position: JsonObject | undefined,
  signal: AbortSignal,
): Promise<number> {
  let bytes = 0;
  for await (const chunk of sink.tail(position, signal)) {
    bytes += chunk.bytes.length;
    if (bytes >= MAX_TORN_BYTES) break;
  }
  return bytes;
}
