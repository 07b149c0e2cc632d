import { OtaError } from '../core/errors.js';
import { randomNumbers } from '../core/random-numbers.js';
import { escapeText } from '../core/text.js';
import type { Pacing } from '../net/pacing.js';
import { HeldLines } from './held-lines.js';
import type { LineChunk } from './line-chunk.js';
import type { LineStage } from './line-stage.js';
import { recordedTimeMs } from './recorded-time.js';

/** Faults of senders and networks that are put into a stream on purpose. Times are recorded times. */
export interface Drill {
  readonly seed: number;
  /** Share of lines, from 0 to 1, that come a second time within RESEND_MS. */
  readonly duplicate?: number;
  /** Each line is held back for a random time shorter than this. */
  readonly reorderMs?: number;
  /** Share of lines, from 0 to 1, whose acknowledgement gets lost: they come again after REDELIVERY_MS, and up to twice that. */
  readonly dropAck?: number;
}

const RESEND_MS = 2000;
const REDELIVERY_MS = 30_000;
/** What is held back at most; what is due first goes early then. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;
/** A source that is silent for so long gets its lines out. */
const SILENT_MS = 5000;
const LINE_FEED = 10;

/**
 * Reads `0.6%`.
 *
 * @returns from 0 to 1
 * @throws OtaError USAGE
 */
export function parseShare(text: string): number {
  const [, digits] = /^(\d+(?:\.\d+)?) ?%$/.exec(text.trim()) ?? [];
  const share = Number(digits) / 100;
  if (!(share <= 1)) {
    throw new OtaError('USAGE', `"${escapeText(text)}" is no share in percent`, [
      'Write a number from 0 to 100 with a percent sign, such as 0.6%.',
    ]);
  }
  return share;
}

/**
 * Repeats lines and changes their order. What becomes of a line is decided by the seed and its bytes alone, so that
 * a run which reads it again meets the same faults again. When the lines end or somebody stops, all that is held back
 * comes out at once.
 *
 * Line numbers count the lines that come out, repeated ones included.
 */
export function drillLines(drill: Drill, time: Pacing): LineStage {
  return (lines) => drilled(lines, drill, time);
}

async function* drilled(chunks: AsyncIterable<LineChunk>, drill: Drill, time: Pacing): AsyncGenerator<LineChunk> {
  const held = new HeldLines(MAX_HELD_BYTES);
  let nowMs = 0; // before any line tells a time
  let nextLine: number | undefined;
  const numbered = ({ lines, ...chunk }: ReturnType<HeldLines['take']>): LineChunk => {
    const firstLine = nextLine!;
    nextLine = firstLine + lines;
    return { ...chunk, firstLine };
  };
  for await (const chunk of orSilence(chunks, () => held.isEmpty, time)) {
    if (chunk === 'silence') {
      held.release(Number.POSITIVE_INFINITY);
    } else {
      nextLine ??= chunk.firstLine;
      const { bytes } = chunk;
      held.begin(chunk);
      for (let start = 0, end = 0; start < bytes.length; start = end) {
        end = bytes.indexOf(LINE_FEED, start) + 1;
        const recordedMs = recordedTimeMs(bytes, start);
        if (recordedMs > nowMs) nowMs = recordedMs; // never for NaN
        held.release(nowMs);
        const line = bytes.subarray(start, end);
        const { delayMs, copiesMs } = fateOf(line, drill);
        held.add(line, nowMs, delayMs);
        for (const copyMs of copiesMs) held.addCopy(line, nowMs + delayMs + copyMs);
      }
    }
    const out = held.take();
    if (out.lines > 0 || out.position !== undefined) yield numbered(out);
  }
  // Also when somebody stopped: lines that were taken from a pipe are nowhere else.
  if (held.isEmpty) return;
  held.release(Number.POSITIVE_INFINITY);
  yield numbered(held.take());
}

/** When a line goes on, and when copies of it follow. */
interface Fate {
  delayMs: number;
  copiesMs: number[];
}

function fateOf(line: Uint8Array, { seed, duplicate = 0, reorderMs = 0, dropAck = 0 }: Drill): Fate {
  const random = randomNumbers(hashOf(line, seed));
  // Always drawn in this order: another share changes no other fault.
  const [delay, isDuplicate, resend, isDropped, redelivery] = [random(), random(), random(), random(), random()];
  const copiesMs: number[] = [];
  if (isDuplicate < duplicate) copiesMs.push(resend * RESEND_MS);
  if (isDropped < dropAck) copiesMs.push(REDELIVERY_MS * (1 + redelivery));
  return { delayMs: Math.floor(delay * reorderMs), copiesMs };
}

/** FNV-1a, begun with the seed. */
function hashOf(bytes: Uint8Array, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash >>> 0;
}

/** Passes chunks on, and says when none comes for SILENT_MS although somebody waits. */
async function* orSilence(
  chunks: AsyncIterable<LineChunk>,
  isIdle: () => boolean,
  time: Pacing,
): AsyncGenerator<LineChunk | 'silence'> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    while (true) {
      const result = isIdle() ? await next : await Promise.race([next, silence(next, time)]);
      if (result === 'silence') {
        yield result;
        continue;
      }
      if (result.done) return;
      yield result.value;
      next = iterator.next();
    }
  } finally {
    await iterator.return?.();
  }
}

/** Its timer ends with the promise it waits for. */
async function silence(next: Promise<unknown>, time: Pacing): Promise<'silence'> {
  const over = new AbortController();
  void next.then(
    () => over.abort(),
    () => over.abort(),
  );
  await time.delay(SILENT_MS, over.signal).catch(() => {});
  return 'silence';
}
