import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OtaError } from '../../core/errors.js';
import { unpackPair } from '../repack/unpack-pair.js';
import type { ProducerJob } from '../worker-patch.js';
import { packOtad } from './otad-producer.js';

/** Share of the time that unpacking takes; making the patch takes the rest. */
const UNPACKING_SHARE = 0.7;

/**
 * Makes an `otad-repack` patch: the images are unpacked into a temporary directory and compared there.
 *
 * @returns the patch in pieces
 * @throws OtaError USAGE when nothing in the new image can be packed again exactly; TOOL_MISSING, LIMIT_EXCEEDED,
 *   IO_FAILED, NO_SPACE, INTERRUPTED, TERMINATED
 */
export async function produceRepacked(job: ProducerJob): Promise<Uint8Array[]> {
  const { base, target, signal, onProgress, onNote, onProven } = job;
  const workDirectory = await mkdtemp(join(tmpdir(), 'ota-repack-'));
  try {
    const pair = await unpackPair({
      basePath: base.name,
      targetPath: target.name,
      workDirectory,
      signal,
      onProgress: (done) => onProgress(done * UNPACKING_SHARE),
    });
    if (pair === undefined) {
      throw new OtaError(
        'USAGE',
        `${target.name}: has no compressed part that can be packed again exactly, nothing is to be gained`,
        ['Use --format otad.'],
      );
    }
    for (const sentence of pair.missing) onNote(`Some compressed parts stay packed, or take more: ${sentence}`);
    onProven(pair.proven);
    return await packOtad(
      { ...job, onProgress: (done) => onProgress(UNPACKING_SHARE + (1 - UNPACKING_SHARE) * done) },
      { basePath: pair.basePath, targetPath: pair.targetPath },
      { baseSize: base.size, targetSize: target.size, recipe: pair.recipe },
    );
  } finally {
    await rm(workDirectory, { recursive: true, force: true });
  }
}
