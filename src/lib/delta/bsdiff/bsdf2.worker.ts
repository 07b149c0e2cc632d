import { parentPort, workerData } from 'node:worker_threads';
import type { PatchMessage } from '../worker-patch.js';
import { encodeBsdf2 } from './bsdf2-encoder.js';

/** What the producer hands over, without copying. */
export interface Bsdf2WorkerData {
  old: ArrayBuffer;
  target: ArrayBuffer;
}

const PROGRESS_STEP = 0.002;

const { old, target } = workerData as Bsdf2WorkerData;
let reported = 0;
const encoding = encodeBsdf2(Buffer.from(old), Buffer.from(target), (doneFraction) => {
  if (doneFraction < reported + PROGRESS_STEP) return;
  reported = doneFraction;
  post({ doneFraction });
});
void encoding.then((patch) => post({ patch })); // a failure ends the worker and reaches the producer as its error

function post(message: PatchMessage): void {
  parentPort?.postMessage(message);
}
