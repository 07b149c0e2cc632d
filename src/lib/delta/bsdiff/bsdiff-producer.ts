import { throwIfAborted } from '../../core/abort.js';
import type { BsdiffFormat } from '../formats.js';
import { memoryError, type ProducerJob, patchFromWorker } from '../worker-patch.js';
import type { BsdiffWorkerData } from './bsdiff.worker.js';

/**
 * Makes what makes patches of a format in a worker thread, so that the caller stays awake.
 *
 * @returns a function from a job to the patch in pieces, which throws OtaError LIMIT_EXCEEDED when memory is short,
 *   TOOL_MISSING for `bsdiff40` without 7z-wasm, IO_FAILED, INTERRUPTED, TERMINATED
 */
export function bsdiffProducer(format: BsdiffFormat): (job: ProducerJob) => Promise<Uint8Array[]> {
  return async ({ base, target, choices, signal, onProgress }) => {
    throwIfAborted(signal);
    const workerData: BsdiffWorkerData = {
      basePath: base.name,
      targetPath: target.name,
      choices: { ...choices, format },
    };
    try {
      return await patchFromWorker('delta/bsdiff/bsdiff.worker', { workerData, signal, onProgress });
    } catch (error) {
      throw memoryError(error, { base, target });
    }
  };
}
