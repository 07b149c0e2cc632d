import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import type { Pacing } from '../net/pacing.js';
import type { LineChunk } from './line-chunk.js';
import type { LineStage } from './line-stage.js';
import { recordedTimeMs } from './recorded-time.js';

/** How fast lines go on: so many a second, or so many times as fast as they were recorded. */
export type Pace = { readonly messagesPerSecond: number } | { readonly speed: number };

const UNIT_SECONDS: Record<string, number> = { s: 1, min: 60, h: 3600 };
/** Ten million a second is more than any sink takes. */
const MAX_RATE = 1e7;
const MAX_SPEED = 1e6;

/**
 * Reads `5000/s`, `30/min`, `0.5/s`.
 *
 * @throws OtaError USAGE
 */
export function parseRate(text: string): Pace {
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?\/ ?(s|min|h)$/i.exec(text.trim()) ?? [];
  const messagesPerSecond = Number(digits) / UNIT_SECONDS[unit?.toLowerCase() ?? 's']!;
  if (!(messagesPerSecond > 0 && messagesPerSecond <= MAX_RATE)) {
    throw new OtaError('USAGE', `"${escapeText(text)}" is no rate of messages`, [
      'Write messages in a time, such as 5000/s or 30/min.',
    ]);
  }
  return { messagesPerSecond };
}

/**
 * Reads `10x`, `0.5x`.
 *
 * @throws OtaError USAGE
 */
export function parseSpeed(text: string): Pace {
  const [, digits] = /^(\d+(?:\.\d+)?) ?x$/i.exec(text.trim()) ?? [];
  const speed = Number(digits);
  if (!(speed > 0 && speed <= MAX_SPEED)) {
    throw new OtaError('USAGE', `"${escapeText(text)}" is no speed`, [
      'Write how many times as fast as recorded, such as 1x, 10x or 0.5x.',
    ]);
  }
  return { speed };
}

/** Lines due within this time go together: a timer for each line would be the work. */
const SLICE_MS = 20;
/** What a rate makes up for at most after others were slow: no flood follows a pause. */
const CATCH_UP_MS = 1000;
/** Most recorded time between two lines that is waited for. */
const MAX_GAP_MS = 3_600_000;

/**
 * Lets lines go on when they are due. Time that was lost is made up for: in whole at a speed, since recorded
 * times are the truth then, and up to a second at a rate.
 *
 * All sources that share a stage share its rate; a speed begins anew with each source. Lines that are older than one
 * before them, lines without a time, and lines more than an hour away go with the line before them.
 */
export function paceLines(pace: Pace, time: Pacing): LineStage {
  const rate = 'speed' in pace ? undefined : rateSchedule(pace.messagesPerSecond, time);
  return (lines, _source, signal) =>
    paced(lines, rate ?? recordedSchedule(pace as { speed: number }, time), time, signal);
}

/** When the next line is due, on the monotonic clock. */
type Schedule = (bytes: Uint8Array, start: number, nowMs: number) => number;

function rateSchedule(messagesPerSecond: number, time: Pacing): Schedule {
  let nextMs = time.monotonicMs();
  return (_bytes, _start, nowMs) => {
    const dueMs = Math.max(nextMs, nowMs - CATCH_UP_MS);
    nextMs = dueMs + 1000 / messagesPerSecond;
    return dueMs;
  };
}

/**
 * A clock that is off, such as one that says 1970 until it is set, must neither stop a replay for years nor let the
 * rest of it rush by: a line that is further away than MAX_GAP_MS goes at once, and time goes on from there if the
 * next such line agrees.
 */
function recordedSchedule({ speed }: { speed: number }, time: Pacing): Schedule {
  /** What the schedule has reached: recorded time, and when that is due. */
  let reached: { recordedMs: number; dueMs: number } | undefined;
  let farMs = Number.NaN;
  return (bytes, start) => {
    const recordedMs = recordedTimeMs(bytes, start);
    if (Number.isNaN(recordedMs)) return reached?.dueMs ?? Number.NEGATIVE_INFINITY;
    reached ??= { recordedMs, dueMs: time.monotonicMs() };
    const gapMs = recordedMs - reached.recordedMs;
    if (Math.abs(gapMs) > MAX_GAP_MS) {
      if (Math.abs(recordedMs - farMs) <= MAX_GAP_MS) reached = { recordedMs, dueMs: reached.dueMs };
      farMs = recordedMs;
    } else if (gapMs > 0) {
      reached = { recordedMs, dueMs: reached.dueMs + gapMs / speed };
    }
    return reached.dueMs;
  };
}

async function* paced(
  chunks: AsyncIterable<LineChunk>,
  dueMsOf: Schedule,
  time: Pacing,
  signal: AbortSignal,
): AsyncGenerator<LineChunk> {
  for await (const chunk of chunks) {
    const { bytes } = chunk;
    let nowMs = time.monotonicMs();
    let [sliceStart, sliceLine, line] = [0, chunk.firstLine, chunk.firstLine];
    for (let start = 0, end = 0; start < bytes.length; start = end, line++) {
      end = bytes.indexOf(LINE_FEED, start) + 1;
      const dueMs = dueMsOf(bytes, start, nowMs);
      // Once somebody stops nothing waits any more: what was taken from a pipe is nowhere else.
      if (dueMs <= nowMs + SLICE_MS || signal.aborted) continue;
      if (start > sliceStart) {
        // A copy: the reader may hand its bytes to another thread, and the rest is still needed here.
        yield { bytes: bytes.slice(sliceStart, start), firstLine: sliceLine };
        [sliceStart, sliceLine] = [start, line];
      }
      await waitUntil(dueMs, time, signal);
      nowMs = time.monotonicMs();
    }
    yield sliceStart === 0 ? chunk : { ...chunk, bytes: bytes.slice(sliceStart), firstLine: sliceLine };
  }
}

const LINE_FEED = 10;
/** The longest time a timer of Node can be set to. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Resolves early once the signal is raised. */
async function waitUntil(dueMs: number, time: Pacing, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const leftMs = dueMs - time.monotonicMs();
    if (leftMs <= 0) return;
    await time.delay(Math.min(leftMs, MAX_DELAY_MS), signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}
