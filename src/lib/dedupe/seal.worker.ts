import { parentPort } from 'node:worker_threads';
import { encodeSegment } from './encode-segment.js';
import type { SealRequest } from './sealer.js';

/** Thread of {@link openSealer}: sorts and packs generations while the store judges further keys. */
parentPort?.on('message', ({ unsorted, memory }: SealRequest) => {
  const encoded = encodeSegment(unsorted, memory);
  parentPort?.postMessage(encoded, [encoded.records.buffer, encoded.index.buffer]);
});
