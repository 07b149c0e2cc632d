import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { entryPoint } from '../core/entry-point.js';
import { type EncodedSegment, encodeSegment, type UnsortedKeys } from './encode-segment.js';

export interface SealRequest {
  readonly unsorted: UnsortedKeys;
  readonly memory: ArrayBuffer | undefined;
}

/** Sorts and packs generations, one at a time. */
export interface Sealer {
  encode(unsorted: UnsortedKeys): Promise<EncodedSegment>;
  /** Takes back the memory of records that are written. */
  recycle(records: Uint8Array<ArrayBuffer>): void;
  close(): Promise<void>;
}

/** @param where in a thread that starts with the first generation, or at once, before `encode` returns */
export function openSealer(where: 'worker' | 'inline'): Sealer {
  return where === 'worker' ? new ThreadSealer() : new InlineSealer();
}

class InlineSealer implements Sealer {
  #memory: ArrayBuffer | undefined;

  async encode(unsorted: UnsortedKeys): Promise<EncodedSegment> {
    const memory = this.#memory;
    this.#memory = undefined;
    return encodeSegment(unsorted, memory);
  }

  recycle(records: Uint8Array<ArrayBuffer>): void {
    this.#memory = records.buffer;
  }

  async close(): Promise<void> {
    this.#memory = undefined;
  }
}

class ThreadSealer implements Sealer {
  #worker: Worker | undefined;
  #memory: ArrayBuffer | undefined;

  async encode(unsorted: UnsortedKeys): Promise<EncodedSegment> {
    this.#worker ??= startedWorker();
    const memory = this.#memory;
    this.#memory = undefined;
    const request: SealRequest = { unsorted, memory };
    // While it works, it keeps the process alive.
    this.#worker.ref();
    this.#worker.postMessage(request, memory === undefined ? [] : [memory]);
    const [encoded] = (await once(this.#worker, 'message')) as [EncodedSegment];
    this.#worker.unref();
    return encoded;
  }

  recycle(records: Uint8Array<ArrayBuffer>): void {
    this.#memory = records.buffer;
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }
}

function startedWorker(): Worker {
  const worker = new Worker(entryPoint('dedupe/seal.worker'));
  worker.unref();
  return worker;
}
