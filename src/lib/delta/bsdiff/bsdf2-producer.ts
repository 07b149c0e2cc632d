import { throwIfAborted } from '../../core/abort.js';
import { OtaError } from '../../core/errors.js';
import type { RandomAccess } from '../../core/random-access.js';
import { readExactly } from '../read-exactly.js';
import { isShortOfMemory, type ProducerJob, patchFromWorker } from '../worker-patch.js';
import type { Bsdf2WorkerData } from './bsdf2.worker.js';

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
    return await patchFromWorker('delta/bsdiff/bsdf2.worker', { workerData, transferList, signal, onProgress });
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
