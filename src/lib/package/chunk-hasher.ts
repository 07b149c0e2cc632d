import { Worker } from 'node:worker_threads';
import { entryPoint } from '../core/entry-point.js';

/** First `size` bytes of a slot. */
export interface ChunkHashRequest {
  slot: number;
  size: number;
}

export interface ChunkHashReply {
  slot: number;
  /** 64 lowercase hex digits. */
  sha256: string;
}

/** Hashes chunks in a second thread. A slot must not change until its hash is known. */
export interface ChunkHasher {
  hash(slot: number, size: number): Promise<string>;
  stop(): Promise<void>;
}

/** @param slots views of shared memory that chunks are read into, one after the other */
export function startChunkHasher(slots: readonly Uint8Array[]): ChunkHasher {
  const worker = new Worker(entryPoint('package/chunk-hasher.worker'), { workerData: slots });
  const waiting = new Map<number, PromiseWithResolvers<string>>();
  worker.on('message', ({ slot, sha256 }: ChunkHashReply) => waiting.get(slot)?.resolve(sha256));
  worker.on('error', (error) => {
    for (const { reject } of waiting.values()) reject(error);
  });
  return {
    hash(slot, size) {
      const answer = Promise.withResolvers<string>();
      answer.promise.catch(() => {}); // whoever asked also awaits it, perhaps later
      waiting.set(slot, answer);
      const request: ChunkHashRequest = { slot, size };
      worker.postMessage(request);
      return answer.promise;
    },
    async stop() {
      await worker.terminate();
    },
  };
}
