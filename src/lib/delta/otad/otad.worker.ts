import { closeSync, fstatSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { type ImageBytes, imageInFile } from '../image/image-bytes.js';
import { failureMessage, ownBuffers, type PatchMessage } from '../worker-patch.js';
import { encodeOtad, type OtadChoices } from './encode-otad.js';

export interface OtadWorkerData {
  basePath: string;
  targetPath: string;
  choices: OtadChoices;
}

const PROGRESS_STEP = 0.002;

const { basePath, targetPath, choices } = workerData as OtadWorkerData;
const descriptors: number[] = [];
let reported = 0;
const encoding = encodeOtad(open(basePath), open(targetPath), choices, (doneFraction) => {
  if (doneFraction < reported + PROGRESS_STEP) return;
  reported = doneFraction;
  post({ doneFraction });
});
void encoding
  .finally(() => {
    for (const descriptor of descriptors) closeSync(descriptor);
  })
  .then((patch) => post({ patch }, ownBuffers(patch)))
  .catch((error: unknown) => post(failureMessage(error)));

function open(path: string): ImageBytes {
  const descriptor = openSync(path, 'r');
  descriptors.push(descriptor);
  return imageInFile(descriptor, fstatSync(descriptor).size);
}

function post(message: PatchMessage, handOver: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, handOver);
}
