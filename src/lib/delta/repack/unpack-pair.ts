import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { abortError, throwIfAborted } from '../../core/abort.js';
import { entryPoint } from '../../core/entry-point.js';
import { OtaError } from '../../core/errors.js';
import { ioError } from '../../core/io-error.js';
import { NativeGate } from './native-gate.js';
import type { UnpackMessage, UnpackWorkerData } from './unpack.worker.js';
import type { UnpackedPair } from './unpack-images.js';

export interface UnpackPairOptions {
  basePath: string;
  targetPath: string;
  /** An empty directory of the caller's, who removes it with all that is in it. */
  workDirectory: string;
  signal?: AbortSignal | undefined;
  /** Called with the share that is done, 0 to 1, never falling. */
  onProgress?: (doneFraction: number) => void;
}

/** Where the unpacked images lie, and what packs the new one again. */
export interface UnpackedPairFiles extends UnpackedPair {
  basePath: string;
  targetPath: string;
}

/**
 * Unpacks the compressed streams of two images, so that a delta between them is small.
 *
 * Each stream of the new image was packed again and compared. All work is done in worker threads.
 *
 * @returns undefined when there is no such stream: then the plain images are the ones to compare
 * @throws OtaError TOOL_MISSING when the library of a codec that is needed is not installed; IO_FAILED, NO_SPACE,
 *   INTERRUPTED, TERMINATED
 */
export async function unpackPair(options: UnpackPairOptions): Promise<UnpackedPairFiles | undefined> {
  const { workDirectory, signal, onProgress = () => undefined } = options;
  throwIfAborted(signal);
  const files = { basePath: join(workDirectory, 'base'), targetPath: join(workDirectory, 'target') };
  const contentsPath = join(workDirectory, 'contents');
  const gate = new NativeGate();
  const workerData: UnpackWorkerData = {
    basePath: options.basePath,
    targetPath: options.targetPath,
    unpackedBasePath: files.basePath,
    unpackedTargetPath: files.targetPath,
    contentsPath,
    gate: gate.memory,
  };
  const worker = new Worker(entryPoint('delta/repack/unpack.worker'), { workerData });
  const done = Promise.withResolvers<UnpackedPair | undefined>();
  const onAbort = () => done.reject(abortError(signal!));
  signal?.addEventListener('abort', onAbort, { once: true });
  worker.on('message', (message: UnpackMessage) => {
    if (message.kind === 'progress') onProgress(message.doneFraction);
    else if (message.kind === 'done') done.resolve(message.pair);
    else done.reject(new OtaError(message.code, message.message, message.suggestions));
  });
  worker.on('error', (error) => done.reject(isSystemError(error) ? ioError(error, workDirectory) : error));
  worker.on('exit', (status) => done.reject(new Error(`the unpacking thread ended with status ${status}`)));
  try {
    const pair = await done.promise;
    return pair && { ...pair, ...files };
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await gate.close(); // the threads below end with this one, also in the middle of native code
    await worker.terminate();
    await rm(contentsPath, { force: true });
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
