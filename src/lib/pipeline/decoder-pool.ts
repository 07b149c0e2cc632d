import { Worker } from 'node:worker_threads';
import { entryPoint } from '../core/entry-point.js';
import type { LineChunk } from '../telemetry/line-chunk.js';
import type { DecodeOptions } from './decode-lines.js';
import type { DecodedBatch } from './decoded-batch.js';

export interface DecodeRequest {
  readonly bytes: Uint8Array;
  readonly firstLine: number;
}

/** Decodes several chunks at the same time. */
export interface DecoderPool {
  /**
   * Whoever asks keeps the order. The chunk is used up: bytes that fill their buffer move to another thread.
   *
   * @throws the error that ended a thread
   */
  decode(chunk: Pick<LineChunk, 'bytes' | 'firstLine'>): Promise<DecodedBatch>;
  /** What is not decoded yet fails. */
  close(): Promise<void>;
}

/** @param threads at least one */
export function openDecoderPool({ threads, ...options }: DecodeOptions & { readonly threads: number }): DecoderPool {
  const pool = Array.from({ length: threads }, () => new DecoderThread(options));
  return {
    decode(chunk) {
      const idlest = pool.reduce((best, thread) => (thread.waiting < best.waiting ? thread : best));
      return idlest.decode(chunk);
    },
    async close() {
      await Promise.all(pool.map((thread) => thread.close()));
    },
  };
}

/** A thread answers in the order of the requests. */
class DecoderThread {
  readonly #worker: Worker;
  readonly #requests: PromiseWithResolvers<DecodedBatch>[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(options: DecodeOptions) {
    this.#worker = new Worker(entryPoint('pipeline/decode.worker'), { workerData: options });
    this.#worker.on('message', (batch: DecodedBatch) => this.#requests.shift()!.resolve(batch));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('the decoder was closed')));
  }

  /** Requests without an answer yet. */
  get waiting(): number {
    return this.#requests.length;
  }

  decode({ bytes, firstLine }: DecodeRequest): Promise<DecodedBatch> {
    const answer = Promise.withResolvers<DecodedBatch>();
    answer.promise.catch(() => {}); // whoever asked also awaits it, perhaps later
    if (this.#failure !== undefined) {
      answer.reject(this.#failure.error);
      return answer.promise;
    }
    // A part of a larger buffer is copied: the rest of that buffer is somebody else's.
    const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
    const request: DecodeRequest = { bytes: own, firstLine };
    this.#worker.postMessage(request, [own.buffer as ArrayBuffer]);
    this.#requests.push(answer);
    return answer.promise;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { reject } of this.#requests.splice(0)) reject(this.#failure.error);
  }
}
