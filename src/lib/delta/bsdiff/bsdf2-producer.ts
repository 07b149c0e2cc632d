import { throwIfAborted } from '../../core/abort.js';
import { OtaError } from '../../core/errors.js';
import { isShortOfMemory, type ProducerJob, patchFromWorker } from '../worker-patch.js';
import type { Bsdf2WorkerData } from './bsdf2.worker.js';

/**
 * Makes a `bsdf2` patch in a worker thread, so that the caller stays awake.
 *
 * @returns the patch in pieces
 * @throws OtaError LIMIT_EXCEEDED when memory is short, IO_FAILED, INTERRUPTED, TERMINATED
 */
export async function produceBsdf2({ base, target, choices, signal, onProgress }: ProducerJob): Promise<Uint8Array[]> {
  throwIfAborted(signal);
  const workerData: Bsdf2WorkerData = { basePath: base.name, targetPath: target.name, choices };
  try {
    return await patchFromWorker('delta/bsdiff/bsdf2.worker', { workerData, signal, onProgress });
  } catch (error) {
    if (!isShortOfMemory(error)) throw error;
    throw new OtaError(
      'LIMIT_EXCEEDED',
      `${target.name}: not enough memory for a delta between images of ${base.size} and ${target.size} bytes`,
      ['Allow less with --max-memory, which chooses a cheaper matcher.', 'Run on a machine with more memory.'],
      { cause: error },
    );
  }
}
