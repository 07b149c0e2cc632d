import { Worker } from 'node:worker_threads';
import { entryPoint } from '../core/entry-point.js';
import type { EncodedSegment, UnsortedKeys } from './encode-segment.js';
import type { Sealer } from './sealer.js';

export interface SealRequest {
  readonly unsorted: UnsortedKeys;
  readonly memory: ArrayBuffer | undefined;
}

/** Answers come in the order of the requests. */
export type SealReply = { readonly encoded: EncodedSegment } | { readonly failure: unknown };

/** The thread that all stores of the process share: a thousand partitions must not have a thousand. */
let shared: SealThread | undefined;
let users = 0;

/** Seals in the shared thread, which starts with the first generation and ends when the last of its sealers is closed. */
export class ThreadSealer implements Sealer {
  #isOpen = true;

  constructor() {
    users++;
  }

  async encode(unsorted: UnsortedKeys): Promise<EncodedSegment> {
    if (shared === undefined || shared.hasEnded) shared = new SealThread();
    return await shared.encode(unsorted);
  }

  recycle(records: Uint8Array<ArrayBuffer>): void {
    shared?.recycle(records.buffer);
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (--users > 0) return;
    const last = shared;
    shared = undefined;
    await last?.end();
  }
}

class SealThread {
  readonly #worker = new Worker(entryPoint('dedupe/seal.worker'));
  readonly #waiting: PromiseWithResolvers<EncodedSegment>[] = [];
  #memory: ArrayBuffer | undefined;
  hasEnded = false;

  constructor() {
    this.#worker.unref();
    this.#worker.on('message', (reply: SealReply) => this.#answer(reply));
    this.#worker.on('error', (error) => this.#giveUp(error));
    this.#worker.on('exit', () => this.#giveUp(new Error('the sealing thread ended')));
  }

  async encode(unsorted: UnsortedKeys): Promise<EncodedSegment> {
    const memory = this.#memory;
    this.#memory = undefined;
    const request: SealRequest = { unsorted, memory };
    this.#worker.postMessage(request, memory === undefined ? [] : [memory]);
    const waiting = Promise.withResolvers<EncodedSegment>();
    this.#waiting.push(waiting);
    // While it works, it keeps the process alive.
    this.#worker.ref();
    return await waiting.promise;
  }

  /** Keeps the largest memory: generations of several stores may be on their way. */
  recycle(memory: ArrayBuffer): void {
    if (memory.byteLength > (this.#memory?.byteLength ?? 0)) this.#memory = memory;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #answer(reply: SealReply): void {
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#worker.unref();
    if ('failure' in reply) waiting?.reject(reply.failure);
    else waiting?.resolve(reply.encoded);
  }

  /** Out of memory, for example. The next generation starts another thread. */
  #giveUp(error: unknown): void {
    this.hasEnded = true;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }
}
