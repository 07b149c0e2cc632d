import { throwIfAborted } from '../../core/abort.js';
import { OtaError } from '../../core/errors.js';
import { isShortOfMemory, type ProducerJob, patchFromWorker } from '../worker-patch.js';
import type { OtadWorkerData } from './otad.worker.js';

/**
 * Makes an `otad` patch in a worker thread.
 *
 * @returns the patch in pieces
 * @throws OtaError LIMIT_EXCEEDED when memory is short, IO_FAILED, INTERRUPTED, TERMINATED
 */
export async function produceOtad({ base, target, choices, signal, onProgress }: ProducerJob): Promise<Uint8Array[]> {
  throwIfAborted(signal);
  const workerData: OtadWorkerData = { basePath: base.name, targetPath: target.name, choices };
  try {
    return await patchFromWorker('delta/otad/otad.worker', { workerData, signal, onProgress });
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
