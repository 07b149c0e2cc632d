import { parentPort, workerData } from 'node:worker_threads';
import { openImageFile } from '../image/image-file.js';
import { failureMessage, ownBuffers, type PatchMessage } from '../worker-patch.js';
import { type BsdiffChoices, encodeBsdiff } from './bsdiff-encoder.js';

export interface BsdiffWorkerData {
  basePath: string;
  targetPath: string;
  choices: BsdiffChoices;
}

const PROGRESS_STEP = 0.002;

void encode(workerData as BsdiffWorkerData)
  .then((patch) => post({ patch }, ownBuffers(patch)))
  .catch((error: unknown) => post(failureMessage(error)));

async function encode({ basePath, targetPath, choices }: BsdiffWorkerData): Promise<Uint8Array[]> {
  using old = openImageFile(basePath);
  using target = openImageFile(targetPath);
  let reported = 0;
  return await encodeBsdiff(old, target, choices, (doneFraction) => {
    if (doneFraction < reported + PROGRESS_STEP) return;
    reported = doneFraction;
    post({ doneFraction });
  });
}

function post(message: PatchMessage, handOver: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, handOver);
}
