import { throwIfAborted } from '../../core/abort.js';
import { memoryError, type ProducerJob, patchFromWorker } from '../worker-patch.js';
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
    throw memoryError(error, { base, target });
  }
}
