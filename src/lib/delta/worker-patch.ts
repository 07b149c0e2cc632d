import { type Transferable, Worker } from 'node:worker_threads';
import { abortError, throwIfAborted } from '../core/abort.js';
import { entryPoint } from '../core/entry-point.js';
import type { RandomAccess } from '../core/random-access.js';
import type { CreateDeltaOptions } from './formats.js';

/** What a producer gets to work with. */
export interface ProducerJob {
  base: RandomAccess;
  target: RandomAccess;
  choices: Pick<CreateDeltaOptions, 'coder' | 'effort' | 'maxMemoryBytes' | 'machine' | 'baseAddress' | 'inPlace'>;
  signal?: AbortSignal;
  onProgress: (doneFraction: number) => void;
}

/** What the worker of a producer sends: the share done, now and then, and at the end the patch. */
export type PatchMessage = { doneFraction: number } | { patch: Uint8Array[] };

interface WorkerJob {
  workerData: unknown;
  transferList?: Transferable[];
  signal: AbortSignal | undefined;
  onProgress: (doneFraction: number) => void;
}

/**
 * Runs a worker that makes a patch, so that the caller stays awake, and ends it in any case.
 *
 * @param entry as for {@link entryPoint}
 * @returns the patch in pieces
 */
export async function patchFromWorker(
  entry: string,
  { workerData, transferList = [], signal, onProgress }: WorkerJob,
): Promise<Uint8Array[]> {
  throwIfAborted(signal); // raised while the images were read: the listener would come too late
  const worker = new Worker(entryPoint(entry), { workerData, transferList });
  const patch = Promise.withResolvers<Uint8Array[]>();
  const onAbort = () => patch.reject(abortError(signal!));
  signal?.addEventListener('abort', onAbort, { once: true });
  worker.on('message', (message: PatchMessage) => {
    if ('patch' in message) patch.resolve(message.patch);
    else onProgress(message.doneFraction);
  });
  worker.on('error', patch.reject);
  worker.on('exit', (status) =>
    patch.reject(new Error(`the delta worker ended with status ${status} before its patch`)),
  );
  try {
    return await patch.promise;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await worker.terminate();
  }
}

/** Whether a failure says that memory did not suffice. */
export function isShortOfMemory(error: unknown): boolean {
  return (
    (error instanceof RangeError && /allocation failed|Invalid (typed )?array( buffer)? length/i.test(error.message)) ||
    (error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY')
  );
}
