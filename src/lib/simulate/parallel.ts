import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { entryPoint } from '../core/entry-point.js';
import type { ExploreWorkerData, ExploreWorkerMessage } from './explore.worker.js';
import type { Findings } from './findings.js';
import type { Task } from './tasks.js';

export interface ParallelOptions {
  /** By default as many as there are cores. */
  workers?: number | undefined;
  signal?: AbortSignal | undefined;
  onFindings(task: Task, findings: Findings): void;
}

/** While one waits for a decompressor, another goes on. */
const TASKS_PER_THREAD = 2;

/**
 * Does the tasks in threads of their own.
 *
 * @returns whether all were done; false when the signal was raised before
 * @throws Error what went wrong in a thread: a bug
 */
export async function exploreInParallel(
  data: ExploreWorkerData,
  tasks: readonly Task[],
  { workers: wanted = availableParallelism(), signal, onFindings }: ParallelOptions,
): Promise<boolean> {
  if (signal?.aborted) return false;
  const queues = dealt(tasks, Math.max(1, Math.min(wanted, tasks.length)));
  const threads = queues.map(() => new Worker(entryPoint('simulate/explore.worker'), { workerData: data }));
  const ended = Promise.withResolvers<boolean>();
  const onAbort = () => ended.resolve(false);
  signal?.addEventListener('abort', onAbort, { once: true });
  let left = tasks.length;
  if (left === 0) ended.resolve(true);
  for (const [index, thread] of threads.entries()) {
    const next = () => {
      const task = queues[index]!.shift() ?? longest(queues).pop();
      if (task !== undefined) thread.postMessage(task);
    };
    thread.on('message', ({ task, findings }: ExploreWorkerMessage) => {
      onFindings(task, findings);
      if (--left === 0) ended.resolve(true);
      else next();
    });
    thread.on('error', ended.reject);
    thread.on('exit', (status) => ended.reject(new Error(`a thread of the explorer ended with status ${status}`)));
    for (let task = 0; task < TASKS_PER_THREAD; task++) next();
  }
  try {
    return await ended.promise;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

/** Neighbours to one thread, the same ones in every scenario: it has met many of their states already. */
function dealt(tasks: readonly Task[], count: number): Task[][] {
  const stretch = 8;
  const queues: Task[][] = Array.from({ length: count }, () => []);
  for (const task of tasks) {
    const place = task.kind === 'random' ? task.run : task.step + (task.kind === 'operation' ? task.operation : 0);
    queues[Math.floor(place / stretch) % count]!.push(task);
  }
  return queues;
}

function longest(queues: readonly Task[][]): Task[] {
  return queues.reduce((most, queue) => (queue.length > most.length ? queue : most));
}
