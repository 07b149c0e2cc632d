import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { type BoundedJob, runBounded } from '../../../src/lib/package/bounded-jobs.js';

/** Jobs that end when they are told to, and a record of which were running together. */
function heldJobs(sizes: readonly number[]) {
  const running = new Set<number>();
  const seen: number[][] = [];
  const holds = sizes.map(() => Promise.withResolvers<void>());
  const jobs = sizes.map(
    (memoryBytes, at): BoundedJob => ({
      memoryBytes,
      run: async (signal) => {
        running.add(at);
        seen.push([...running]);
        signal.addEventListener('abort', () => holds[at]!.reject(signal.reason), { once: true });
        await holds[at]!.promise.finally(() => running.delete(at));
      },
    }),
  );
  return {
    jobs,
    running,
    seen,
    end: (at: number) => holds[at]!.resolve(),
    fail: (at: number, error: Error) => holds[at]!.reject(error),
  };
}

const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

describe('runBounded', () => {
  test('runs together what memory and processors allow, in order', async () => {
    const { jobs, seen, end } = heldJobs([40, 50, 20, 10]);
    const done = runBounded(jobs, { atOnce: 3, memoryBytes: 100 });
    await settle();
    expect(seen).toEqual([[0], [0, 1]]); // the third would need 110
    end(0);
    await settle();
    expect(seen.slice(2)).toEqual([
      [1, 2],
      [1, 2, 3],
    ]);
    for (const at of [1, 2, 3]) end(at);
    await done;
  });

  test('runs what needs more than there is alone', async () => {
    const { jobs, seen, end } = heldJobs([10, 500, 10]);
    const done = runBounded(jobs, { atOnce: 8, memoryBytes: 100 });
    await settle();
    end(0);
    await settle();
    end(1);
    await settle();
    end(2);
    await done;
    expect(seen).toEqual([[0], [1], [2]]);
  });

  test('stops the others when one fails, and says why that one did', async () => {
    const { jobs, running, seen, fail } = heldJobs([1, 1, 1]);
    const done = runBounded(jobs, { atOnce: 2, memoryBytes: 100 });
    await settle();
    fail(0, new Error('disk on fire'));
    await expect(done).rejects.toThrow('disk on fire');
    expect(running.size).toBe(0);
    expect(seen).toHaveLength(2);
  });

  test('ends with the reason of the signal once all have stopped', async () => {
    const { jobs, running } = heldJobs([1, 1]);
    const cancel = new AbortController();
    const done = runBounded(jobs, { atOnce: 2, memoryBytes: 100, signal: cancel.signal });
    await settle();
    cancel.abort(new OtaError('TERMINATED', 'Ended'));
    await expect(done).rejects.toMatchObject({ code: 'TERMINATED' });
    expect(running.size).toBe(0);
  });
});
