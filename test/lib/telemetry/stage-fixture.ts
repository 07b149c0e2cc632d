import type { Pacing } from '../../../src/lib/net/pacing.js';
import type { LineChunk } from '../../../src/lib/telemetry/line-chunk.js';
import type { LineStage } from '../../../src/lib/telemetry/line-stage.js';

export const START_MS = Date.parse('2026-01-05T06:00:00Z');

/** A line of this name, recorded so long after the start; without a time where that is undefined. */
export function line(name: string, recordedMs?: number): string {
  const timestamp = recordedMs === undefined ? undefined : new Date(START_MS + recordedMs).toISOString();
  return JSON.stringify({ messageId: name, timestamp });
}

/** Chunks whose positions count the lines that were read. */
export function* chunksOf(lines: readonly string[], linesPerChunk: number): Generator<LineChunk> {
  for (let read = 0; read < lines.length; read += linesPerChunk) {
    const part = lines.slice(read, read + linesPerChunk);
    const bytes = new TextEncoder().encode(part.map((text) => `${text}\n`).join(''));
    yield { bytes, firstLine: read + 1, position: { lines: read + part.length } };
  }
}

/** A clock that stands still but for delays. */
export function standingTime(): Pacing & { nowMs: number } {
  const time = {
    nowMs: 0,
    monotonicMs: () => time.nowMs,
    now: () => new Date(START_MS),
    delay: async (durationMs: number) => {
      time.nowMs += durationMs;
    },
    random: () => 0.5,
  };
  return time;
}

export interface Passed {
  lines: string[];
  firstLine: number;
  position: number | undefined;
}

export async function passed(
  stage: LineStage,
  chunks: Iterable<LineChunk> | AsyncIterable<LineChunk>,
  onChunk: (chunk: Passed) => void = () => {},
  signal = new AbortController().signal,
): Promise<Passed[]> {
  const all: Passed[] = [];
  const source = (async function* () {
    yield* chunks;
  })();
  for await (const { bytes, firstLine, position } of stage(source, 'test', signal)) {
    const lines = Buffer.from(bytes).toString().split('\n').slice(0, -1);
    const chunk = { lines, firstLine, position: position?.lines as number | undefined };
    // As readers do that hand them to another thread: nothing else may live in these bytes.
    structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] });
    all.push(chunk);
    onChunk(chunk);
  }
  return all;
}
