import { hash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import type { ChunkHashReply, ChunkHashRequest } from './chunk-hasher.js';

/** Second thread of {@link startChunkHasher}: hashes the memory it shares with the first one. */
const slots = workerData as Uint8Array[];

parentPort?.on('message', ({ slot, size }: ChunkHashRequest) => {
  const reply: ChunkHashReply = { slot, sha256: hash('sha256', slots[slot]!.subarray(0, size)) };
  parentPort?.postMessage(reply);
});
