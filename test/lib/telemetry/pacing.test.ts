import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { paceLines, parseRate, parseSpeed } from '../../../src/lib/telemetry/pacing.js';
import { chunksOf, line, passed, standingTime } from './stage-fixture.js';

describe('parseRate and parseSpeed', () => {
  test.each([
    ['5000/s', { messagesPerSecond: 5000 }],
    ['30/min', { messagesPerSecond: 0.5 }],
    ['7200 / h', { messagesPerSecond: 2 }],
    ['0.5/s', { messagesPerSecond: 0.5 }],
  ])('reads the rate %s', (text, pace) => {
    expect(parseRate(text)).toEqual(pace);
  });

  test.each([
    ['10x', { speed: 10 }],
    ['0.5X', { speed: 0.5 }],
  ])('reads the speed %s', (text, pace) => {
    expect(parseSpeed(text)).toEqual(pace);
  });

  test.each(['5000', '0/s', '-1/s', '5/d', '10000001/s', '/s', 'x/s'])('refuses the rate %j', (text) => {
    expect(() => parseRate(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  test.each(['10', '0x', '-1x', 'x', '1000001x'])('refuses the speed %j', (text) => {
    expect(() => parseSpeed(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

/** Lines with the time when each came out. */
async function timed(
  stage: ReturnType<typeof paceLines>,
  chunks: Parameters<typeof passed>[1],
  time: { nowMs: number },
) {
  const lines: { text: string; atMs: number }[] = [];
  await passed(stage, chunks, (chunk) => {
    for (const text of chunk.lines) lines.push({ text, atMs: time.nowMs });
  });
  return lines;
}

describe('paceLines', () => {
  test('keeps a rate, to a fiftieth of a second, however chunks are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 2000 }), async (perChunk, rate) => {
        const time = standingTime();
        const lines = Array.from({ length: 300 }, (_, index) => line(`m${index}`));
        const out = await timed(paceLines({ messagesPerSecond: rate }, time), chunksOf(lines, perChunk), time);
        expect(out.map(({ text }) => text)).toEqual(lines);
        for (const [index, { atMs }] of out.entries()) {
          expect(Math.abs(atMs - (index * 1000) / rate)).toBeLessThanOrEqual(20.001);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('makes up for at most a second after others were slow', async () => {
    const time = standingTime();
    const lines = Array.from({ length: 4000 }, (_, index) => line(`m${index}`));
    const out: number[] = [];
    await passed(paceLines({ messagesPerSecond: 1000 }, time), chunksOf(lines, 10), (chunk) => {
      if (out.length === 1000) time.nowMs += 60_000;
      for (const _ of chunk.lines) out.push(time.nowMs);
    });
    const pausedUntil = out[1001]!;
    expect(out.filter((atMs) => atMs >= pausedUntil && atMs <= pausedUntil + 500).length).toBeLessThan(1600);
  });

  test('shares a rate between sources', async () => {
    const time = standingTime();
    const stage = paceLines({ messagesPerSecond: 100 }, time);
    const lines = Array.from({ length: 100 }, (_, index) => line(`m${index}`));
    await passed(stage, chunksOf(lines, 7));
    await passed(stage, chunksOf(lines, 7));
    expect(time.nowMs).toBeGreaterThan(1960);
  });

  test('replays recorded times at a speed; lines that are late or tell no time go at once', async () => {
    const time = standingTime();
    const lines = [
      line('a', 0),
      line('b', 10_000),
      line('late', 2000),
      line('timeless'),
      'no message',
      line('c', 30_000),
    ];
    const out = await timed(paceLines({ speed: 10 }, time), chunksOf(lines, 100), time);
    expect(out.map(({ text, atMs }) => [text, atMs])).toEqual([
      [lines[0], 0],
      [lines[1], 1000],
      [lines[2], 1000],
      [lines[3], 1000],
      [lines[4], 1000],
      [lines[5], 3000],
    ]);
  });

  const HOUR_MS = 3_600_000;
  test.each([
    ['far ahead in the middle', [0, 10_000, 876_000 * HOUR_MS, 20_000, 30_000], [0, 1000, 1000, 2000, 3000]],
    ['far back at the start', [-400_000 * HOUR_MS, 0, 0, 10_000, 20_000], [0, 0, 0, 1000, 2000]],
    ['far ahead at the start', [876_000 * HOUR_MS, 0, 0, 10_000, 20_000], [0, 0, 0, 1000, 2000]],
    ['after a night without messages', [0, 9 * HOUR_MS, 9 * HOUR_MS, 9 * HOUR_MS + 10_000], [0, 0, 0, 1000]],
  ])('does not wait for a clock that is off, %s, and keeps the speed of the others', async (_, recorded, due) => {
    const time = standingTime();
    const lines = recorded.map((recordedMs, index) => line(`m${index}`, recordedMs));
    const out = await timed(paceLines({ speed: 10 }, time), chunksOf(lines, 2), time);
    expect(out.map(({ text }) => text)).toEqual(lines);
    expect(out.map(({ atMs }) => atMs)).toEqual(due);
  });

  test('says that a chunk is done, and numbers its lines, when the last of them is out', async () => {
    const time = standingTime();
    const lines = Array.from({ length: 6 }, (_, index) => line(`m${index}`, index * 1000));
    const out = await passed(paceLines({ speed: 1 }, time), chunksOf(lines, 3));
    expect(out.map(({ firstLine, position }) => [firstLine, position])).toEqual([
      [1, undefined],
      [2, undefined],
      [3, 3],
      [4, undefined],
      [5, undefined],
      [6, 6],
    ]);
  });

  test('waits no longer when somebody stops, as a pipe cannot be read again', async () => {
    const stop = new AbortController();
    const time = standingTime();
    const waiting = { ...time, delay: async () => stop.abort(new Error('stopped')) };
    const lines = [line('a', 0), line('b', 1000), line('c', 1_000_000)];
    const out = await passed(paceLines({ speed: 1 }, waiting), chunksOf(lines, 3), undefined, stop.signal);
    expect(out).toEqual([
      { lines: [lines[0]], firstLine: 1, position: undefined },
      { lines: lines.slice(1), firstLine: 2, position: 3 },
    ]);
  });
});
