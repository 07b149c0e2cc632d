import { throwIfAborted } from '../../core/abort.js';
import { memoryError, type ProducerJob, patchFromWorker } from '../worker-patch.js';
import type { OtadWorkerData } from './otad.worker.js';
import { type RecipeSection, writeRecipeSection } from './recipe-section.js';

/**
 * Makes an `otad` patch in a worker thread.
 *
 * @returns the patch in pieces
 * @throws OtaError LIMIT_EXCEEDED when memory is short, TOOL_MISSING, IO_FAILED, INTERRUPTED, TERMINATED
 */
export async function produceOtad(job: ProducerJob): Promise<Uint8Array[]> {
  return await packOtad(job, { basePath: job.base.name, targetPath: job.target.name });
}

/**
 * The same for images that lie elsewhere.
 *
 * @param recipe of unpacked images: what goes into the patch with them
 */
export async function packOtad(
  { base, target, choices, signal, onProgress }: ProducerJob,
  paths: { basePath: string; targetPath: string },
  recipe?: RecipeSection,
): Promise<Uint8Array[]> {
  throwIfAborted(signal);
  const workerData: OtadWorkerData = { ...paths, choices: { ...choices, repacked: recipe !== undefined } };
  try {
    const [header, ...body] = await patchFromWorker('delta/otad/otad.worker', { workerData, signal, onProgress });
    return [header!, ...(recipe === undefined ? [] : [writeRecipeSection(recipe)]), ...body];
  } catch (error) {
    throw memoryError(error, { base, target });
  }
}
