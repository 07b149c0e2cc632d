import { parentPort, workerData } from 'node:worker_threads';
import { type DecodeOptions, lineDecoder } from './decode-lines.js';
import type { DecodeRequest } from './decoder-pool.js';

/** A thread of {@link openDecoderPool}: what it reads and what it finds changes hands without copies. */
const decode = lineDecoder(workerData as DecodeOptions);

parentPort?.on('message', (request: DecodeRequest) => {
  const batch = decode(request);
  const { bytes, starts, ends, idStarts, idEnds, keys, digests, timestamps } = batch;
  const columns = [bytes, starts, ends, idStarts, idEnds, keys, digests, timestamps];
  parentPort?.postMessage(
    batch,
    columns.map((column) => column.buffer as ArrayBuffer),
  );
});
