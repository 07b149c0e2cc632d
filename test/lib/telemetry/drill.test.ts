import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Drill, drillLines, parseShare } from '../../../src/lib/telemetry/drill.js';
import type { LineChunk } from '../../../src/lib/telemetry/line-chunk.js';
import { chunksOf, line, passed, START_MS, standingTime } from './stage-fixture.js';

describe('parseShare', () => {
  test.each([
    ['0.6%', 0.006],
    ['100 %', 1],
    ['0%', 0],
  ])('reads %s', (text, share) => {
    expect(parseShare(text)).toBeCloseTo(share, 12);
  });

  test.each(['0.6', '101%', '-1%', '%', ''])('refuses %j', (text) => {
    expect(() => parseShare(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

const STEP_MS = 100;
const drills = fc.record({
  seed: fc.integer(),
  duplicate: fc.constantFrom(0, 0.1, 1),
  reorderMs: fc.constantFrom(0, 3000),
  dropAck: fc.constantFrom(0, 0.1, 1),
});
const lines = Array.from({ length: 1000 }, (_, index) => line(`m${index}`, index * STEP_MS));

async function drilled(drill: Drill, perChunk: number, from = 0) {
  const chunks = [...chunksOf(lines, perChunk)].slice(from);
  return await passed(drillLines(drill, standingTime()), chunks);
}

function timeOf(text: string): number {
  return Date.parse(JSON.parse(text).timestamp) - START_MS;
}

describe('drillLines', () => {
  test('loses nothing, and positions never pass a line that is held back', async () => {
    await fc.assert(
      fc.asyncProperty(drills, fc.integer({ min: 1, max: 400 }), async (drill, perChunk) => {
        const seen = new Set<string>();
        let done = 0;
        for (const chunk of await drilled(drill, perChunk)) {
          for (const text of chunk.lines) seen.add(text);
          const position = chunk.position ?? done;
          expect(position).toBeGreaterThanOrEqual(done);
          expect(lines.slice(done, position).filter((text) => !seen.has(text))).toEqual([]);
          done = position;
        }
        expect(seen.size).toBe(lines.length);
        expect(done).toBe(lines.length);
      }),
      { numRuns: 60 },
    );
  });

  test('the same seed gives the same stream however chunks are cut, another seed another one', async () => {
    const drill = { seed: 5, duplicate: 0.1, reorderMs: 2000, dropAck: 0.05 };
    const streamOf = async (used: Drill, perChunk: number) => (await drilled(used, perChunk)).flatMap((c) => c.lines);
    const stream = await streamOf(drill, 10);
    expect(await streamOf(drill, 333)).toEqual(stream);
    expect(await streamOf({ ...drill, seed: 6 }, 10)).not.toEqual(stream);
  });

  test('a run that begins later meets the same faults', async () => {
    const drill = { seed: 5, duplicate: 0.1, reorderMs: 0, dropAck: 0.05 };
    const counts = (chunks: { lines: string[] }[]) => {
      const byLine = new Map<string, number>();
      for (const text of chunks.flatMap((chunk) => chunk.lines)) byLine.set(text, (byLine.get(text) ?? 0) + 1);
      return lines.slice(500).map((text) => byLine.get(text));
    };
    expect(counts(await drilled(drill, 100, 5))).toEqual(counts(await drilled(drill, 100)));
  });

  test('repeats about as many lines as it was told, soon or after half a minute', async () => {
    const copies = async (drill: Drill) => {
      const firstAt = new Map<string, number>();
      const delaysMs: number[] = [];
      let nowMs = 0;
      for (const text of (await drilled(drill, 50)).flatMap((chunk) => chunk.lines)) {
        const first = firstAt.get(text);
        if (first !== undefined) delaysMs.push(nowMs - first);
        else firstAt.set(text, timeOf(text));
        nowMs = Math.max(nowMs, timeOf(text));
      }
      return delaysMs;
    };
    const duplicates = await copies({ seed: 1, duplicate: 0.1 });
    expect(duplicates.length).toBeGreaterThan(60);
    expect(duplicates.length).toBeLessThan(140);
    expect(Math.max(...duplicates)).toBeLessThanOrEqual(2000 + STEP_MS);
    const redelivered = await copies({ seed: 1, dropAck: 0.1 });
    expect(redelivered.length).toBeGreaterThan(60);
    expect(redelivered.length).toBeLessThan(140);
    expect(redelivered.filter((delayMs) => delayMs >= 30_000 - STEP_MS).length).toBeGreaterThan(40);
  });

  test('holds no line back for longer than it was told', async () => {
    let nowMs = 0;
    let moved = 0;
    for (const text of (await drilled({ seed: 1, reorderMs: 3000 }, 10)).flatMap((chunk) => chunk.lines)) {
      if (timeOf(text) < nowMs) moved++;
      nowMs = Math.max(nowMs, timeOf(text));
      expect(nowMs - timeOf(text)).toBeLessThanOrEqual(3000 + STEP_MS);
    }
    expect(moved).toBeGreaterThan(500);
  });

  test('lets lines out when the source falls silent', async () => {
    const quiet = Promise.withResolvers<void>();
    async function* source(): AsyncGenerator<LineChunk> {
      yield* chunksOf(lines.slice(0, 10), 10);
      await quiet.promise;
    }
    const seen: string[] = [];
    await passed(drillLines({ seed: 1, reorderMs: 60_000 }, standingTime()), source(), (chunk) => {
      seen.push(...chunk.lines);
      if (seen.length === 10) quiet.resolve();
    });
    expect(seen.toSorted()).toEqual(lines.slice(0, 10).toSorted());
  });

  test('lets out what it holds when somebody stops, as a pipe cannot be read again', async () => {
    const stop = new AbortController();
    const out = await passed(
      drillLines({ seed: 1, reorderMs: 60_000 }, standingTime()),
      chunksOf(lines.slice(0, 100), 10),
      () => stop.abort(),
      stop.signal,
    );
    expect(out.flatMap((chunk) => chunk.lines).toSorted()).toEqual(lines.slice(0, 100).toSorted());
    expect(out.at(-1)!.position).toBe(100);
  });

  test('numbers the lines that come out', async () => {
    let next = 1;
    for (const chunk of await drilled({ seed: 1, duplicate: 0.3, reorderMs: 500 }, 7)) {
      expect(chunk.firstLine).toBe(next);
      next += chunk.lines.length;
    }
  });
});
