import { parentPort } from 'node:worker_threads';
import { encodeSegment } from './encode-segment.js';
import type { SealReply, SealRequest } from './seal-thread.js';

/** Thread of all stores of a process: sorts and packs generations while they judge further keys. */
parentPort?.on('message', ({ unsorted, memory }: SealRequest) => {
  const [reply, transferred] = sealed(unsorted, memory);
  parentPort?.postMessage(reply, transferred);
});

/** A failure is the answer to its request alone: others wait for theirs. */
function sealed(
  unsorted: SealRequest['unsorted'],
  memory: SealRequest['memory'],
): [reply: SealReply, transferred: ArrayBuffer[]] {
  try {
    const encoded = encodeSegment(unsorted, memory);
    return [{ encoded }, [encoded.records.buffer, encoded.index.buffer]];
  } catch (failure) {
    return [{ failure }, []];
  }
}
