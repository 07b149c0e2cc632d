import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DueQueue } from '../../../src/lib/swarm/due-queue.js';
import { Gate } from '../../../src/lib/swarm/gate.js';
import { Latency } from '../../../src/lib/swarm/latency.js';

describe('what is due', () => {
  test('comes in order of time, and of arrival where times are equal', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (times) => {
        const queue = new DueQueue<number>();
        for (const [index, dueMs] of times.entries()) queue.add(index, dueMs);
        const expected = times.map((dueMs, index) => ({ dueMs, index })).sort((a, b) => a.dueMs - b.dueMs);
        const got = times.map(() => queue.take(20)!.item);
        expect(got).toEqual(expected.map(({ index }) => index));
        expect(queue.take(20)).toBeUndefined();
      }),
    );
  });

  test('waits for its time', () => {
    const queue = new DueQueue<string>();
    queue.add('later', 10);
    expect([queue.take(9), queue.nextMs, queue.size]).toEqual([undefined, 10, 1]);
    expect(queue.take(10)).toMatchObject({ item: 'later', dueMs: 10 });
    expect(queue.nextMs).toBeUndefined();
  });
});

describe('a gate', () => {
  test('lets so many through at a time, the others in order', async () => {
    const gate = new Gate(2);
    const begun: number[] = [];
    const ends = Array.from({ length: 6 }, () => Promise.withResolvers<void>());
    const all = ends.map(({ promise }, index) =>
      gate.run(async () => {
        begun.push(index);
        await promise;
      }),
    );
    for (const [index, { resolve }] of ends.entries()) {
      expect(begun).toHaveLength(Math.min(index + 2, 6));
      resolve();
      await all[index];
    }
    expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('stays open when a task fails', async () => {
    const gate = new Gate(1);
    await expect(gate.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await gate.run(async () => 'yes')).toBe('yes');
  });
});

describe('latency', () => {
  test('is told to 2 %', () => {
    const latency = new Latency();
    for (let durationMs = 1; durationMs <= 1000; durationMs++) latency.add(durationMs);
    const { count, p50Ms, p95Ms, p99Ms, maxMs } = latency.report();
    expect([count, maxMs]).toEqual([1000, 1000]);
    for (const [got, expected] of [
      [p50Ms, 500],
      [p95Ms, 950],
      [p99Ms, 990],
    ] as const) {
      expect(Math.abs(got - expected) / expected).toBeLessThanOrEqual(0.021);
    }
  });

  test('of nothing is nothing, and what is out of range counts as the nearest', () => {
    expect(new Latency().report()).toEqual({ count: 0, p50Ms: 0, p95Ms: 0, p99Ms: 0, maxMs: 0 });
    const latency = new Latency();
    latency.add(0);
    latency.add(1e9);
    expect(latency.report()).toMatchObject({ count: 2, maxMs: 1e9 });
  });
});
