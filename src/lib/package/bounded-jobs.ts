import { abortError } from '../core/abort.js';

/** Work that is known beforehand, with the most memory it will take, bytes. */
export interface BoundedJob {
  memoryBytes: number;
  run: (signal: AbortSignal) => Promise<void>;
}

export interface JobLimits {
  /** How many run at the same time, at most. */
  atOnce: number;
  /** What those that run at the same time may take together, bytes. One alone may take more. */
  memoryBytes: number;
  signal?: AbortSignal;
}

/**
 * Runs jobs in their order, several at a time where memory suffices for it.
 *
 * When one fails, or the signal is raised, the others are told to stop; what they leave behind is
 * gone before this ends.
 *
 * @throws whatever the first failure was; the signal's reason
 */
export async function runBounded(jobs: readonly BoundedJob[], limits: JobLimits): Promise<void> {
  const failing = new AbortController();
  const signal = limits.signal === undefined ? failing.signal : AbortSignal.any([limits.signal, failing.signal]);
  const running = new Set<Promise<void>>();
  let usedBytes = 0;
  let failure: { error: unknown } | undefined;
  for (const { memoryBytes, run } of jobs) {
    const isFull = () => running.size >= limits.atOnce || usedBytes + memoryBytes > limits.memoryBytes;
    while (running.size > 0 && isFull()) await Promise.race(running);
    if (signal.aborted) break;
    usedBytes += memoryBytes;
    const job: Promise<void> = run(signal)
      .catch((error: unknown) => {
        failure ??= { error };
        failing.abort(error);
      })
      .finally(() => {
        usedBytes -= memoryBytes;
        running.delete(job);
      });
    running.add(job);
  }
  await Promise.all(running);
  if (limits.signal?.aborted) throw abortError(limits.signal);
  if (failure !== undefined) throw failure.error;
}
