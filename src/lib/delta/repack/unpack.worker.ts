import { closeSync, fstatSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { ErrorCode } from '../../core/errors.js';
import { OtaError } from '../../core/errors.js';
import { imageInFile } from '../image/image-bytes.js';
import { CodecPool } from './codec-pool.js';
import { contentsInFile } from './content-store.js';
import { sinkToFile } from './image-sink.js';
import { NativeGate } from './native-gate.js';
import { type UnpackedPair, unpackImages } from './unpack-images.js';

/** Paths of images to read and of files to make. */
export interface UnpackWorkerData {
  basePath: string;
  targetPath: string;
  unpackedBasePath: string;
  unpackedTargetPath: string;
  contentsPath: string;
  /** Memory of the gate that native code passes. */
  gate: SharedArrayBuffer;
}

/** The share done, now and then; at the end what was made, or why it was not. */
export type UnpackMessage =
  | { kind: 'progress'; doneFraction: number }
  | { kind: 'done'; pair: UnpackedPair | undefined }
  | { kind: 'failed'; code: ErrorCode; message: string; suggestions: string[] };

const paths = workerData as UnpackWorkerData;
const post = (message: UnpackMessage) => parentPort?.postMessage(message);

void run().then(post, (error: unknown) => {
  if (!(error instanceof OtaError)) throw error; // ends the worker and reaches the caller as its error
  post({ kind: 'failed', code: error.code, message: error.message, suggestions: error.suggestions });
});

async function run(): Promise<UnpackMessage> {
  const descriptors: number[] = [];
  const open = (path: string, flags: string) => {
    const descriptor = openSync(path, flags, 0o600);
    descriptors.push(descriptor);
    return descriptor;
  };
  try {
    await using pool = new CodecPool(new NativeGate(paths.gate));
    const image = (path: string) => {
      const descriptor = open(path, 'r');
      return imageInFile(descriptor, fstatSync(descriptor).size);
    };
    const images = { base: image(paths.basePath), target: image(paths.targetPath) };
    const sinks = {
      base: sinkToFile(open(paths.unpackedBasePath, 'wx')),
      target: sinkToFile(open(paths.unpackedTargetPath, 'wx')),
    };
    const contents = contentsInFile(open(paths.contentsPath, 'wx+'));
    const onProgress = (doneFraction: number) => post({ kind: 'progress', doneFraction });
    return { kind: 'done', pair: await unpackImages(pool, images, sinks, onProgress, contents) };
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}
