import type { LineChunk } from '../telemetry/line-chunk.js';
import { type DecodeOptions, lineDecoder } from './decode-lines.js';
import type { DecodedBatch } from './decoded-batch.js';
import type { DecoderPool } from './decoder-pool.js';

/** Decodes chunks: large ones in other threads, so that several are in hand at once. */
export interface ChunkDecoder extends AsyncDisposable {
  decode(chunk: LineChunk): Promise<DecodedBatch>;
}

/** A smaller chunk is decoded before another thread has woken up; and a run with nothing else starts none. */
const MIN_TRANSFER_BYTES = 64 * 1024;

/** @param threads 0 decodes all of them in this one */
export function chunkDecoder(options: DecodeOptions, threads: number): ChunkDecoder {
  const decodeHere = lineDecoder(options);
  let pool: Promise<DecoderPool> | undefined;
  return {
    async decode(chunk) {
      if (threads === 0 || chunk.bytes.length < MIN_TRANSFER_BYTES) return decodeHere(chunk);
      pool ??= import('./decoder-pool.js').then(({ openDecoderPool }) => openDecoderPool({ ...options, threads }));
      return await (await pool).decode(chunk);
    },
    async [Symbol.asyncDispose]() {
      await (await pool)?.close();
    },
  };
}
