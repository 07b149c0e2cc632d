import { parentPort, workerData } from 'node:worker_threads';
import { openImageFile } from '../image/image-file.js';
import { failureMessage, type PatchMessage } from '../worker-patch.js';
import { type Bsdf2Choices, encodeBsdf2 } from './bsdf2-encoder.js';

export interface Bsdf2WorkerData {
  basePath: string;
  targetPath: string;
  choices: Bsdf2Choices;
}

const PROGRESS_STEP = 0.002;

void encode(workerData as Bsdf2WorkerData)
  .then((patch) => post({ patch }))
  .catch((error: unknown) => post(failureMessage(error)));

async function encode({ basePath, targetPath, choices }: Bsdf2WorkerData): Promise<Uint8Array[]> {
  using old = openImageFile(basePath);
  using target = openImageFile(targetPath);
  let reported = 0;
  return await encodeBsdf2(old, target, choices, (doneFraction) => {
    if (doneFraction < reported + PROGRESS_STEP) return;
    reported = doneFraction;
    post({ doneFraction });
  });
}

function post(message: PatchMessage): void {
  parentPort?.postMessage(message);
}
