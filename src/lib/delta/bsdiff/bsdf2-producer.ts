import { Worker } from 'node:worker_threads';
import { abortError, throwIfAborted } from '../../core/abort.js';
import { entryPoint } from '../../core/entry-point.js';
import { OtaError } from '../../core/errors.js';
import type { RandomAccess } from '../../core/random-access.js';
import { readExactly } from '../read-exactly.js';
import type { Bsdf2WorkerData, Bsdf2WorkerMessage } from './bsdf2.worker.js';

/** What a producer gets to work with. */
export interface ProducerJob {
  base: RandomAccess;
  target: RandomAccess;
  signal?: AbortSignal;
  onProgress: (doneFraction: number) => void;
}

/**
 * Makes a `bsdf2` patch in a worker thread, so that the caller stays awake.
 *
 * It takes about six times the base's size of memory, and once the target's.
 *
 * @returns the patch in pieces
 * @throws OtaError LIMIT_EXCEEDED when memory is short, IO_FAILED, INTERRUPTED, TERMINATED
 */
export async function produceBsdf2({ base, target, signal, onProgress }: ProducerJob): Promise<Uint8Array[]> {
  throwIfAborted(signal);
  try {
    const workerData: Bsdf2WorkerData = { old: await wholeImage(base), target: await wholeImage(target) };
    const transferList = [workerData.old, workerData.target];
    return await patchFrom(new Worker(entryPoint('delta/bsdiff/bsdf2.worker'), { workerData, transferList }), {
      signal,
      onProgress,
    });
  } catch (error) {
    if (!isShortOfMemory(error)) throw error;
    throw new OtaError(
      'LIMIT_EXCEEDED',
      `${target.name}: not enough memory for a delta between images of ${base.size} and ${target.size} bytes, about ${6 * base.size + target.size} bytes are needed`,
      ['Run on a machine with more memory, or pack a full image with --full.'],
      { cause: error },
    );
  }
}

async function wholeImage(source: RandomAccess): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(source.size);
  await readExactly(source, bytes, 0);
  return bytes.buffer;
}

async function patchFrom(
  worker: Worker,
  { signal, onProgress }: Pick<ProducerJob, 'signal' | 'onProgress'>,
): Promise<Uint8Array[]> {
  const patch = Promise.withResolvers<Uint8Array[]>();
  const onAbort = () => patch.reject(abortError(signal!));
  signal?.addEventListener('abort', onAbort, { once: true });
  worker.on('message', (message: Bsdf2WorkerMessage) => {
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

function isShortOfMemory(error: unknown): boolean {
  return (
    (error instanceof RangeError && /allocation failed|Invalid (typed )?array( buffer)? length/i.test(error.message)) ||
    (error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY')
  );
}
