import { createHash, hash } from 'node:crypto';
import { throwIfAborted } from '../core/abort.js';
import type { RandomAccess } from '../core/random-access.js';
import { startChunkHasher } from './chunk-hasher.js';

/** Both hashes that metadata carries for a payload. Lowercase hex. */
export interface PayloadHashes {
  sha256: string;
  chunkSha256: string[];
}

/** From this size on a second thread is worth its start, bytes. */
const PARALLEL_FROM_BYTES = 16 * 1024 ** 2;
/** Chunks in flight between reading, hashing the whole and hashing chunks. */
const SLOTS = 4;

/**
 * Hashes a payload as a whole and by chunks while reading it once. Large
 * payloads use a second thread for the chunks, so that both hashes take the
 * time of one.
 *
 * Memory: {@link SLOTS} chunks.
 *
 * @param data       bytes to hash, read from 0 to `data.size`
 * @param chunkBytes size of a chunk, bytes
 * @param onProgress called with the bytes done so far
 */
export async function hashPayload(
  data: RandomAccess,
  chunkBytes: number,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (bytesDone: number) => void } = {},
): Promise<PayloadHashes> {
  const chunkCount = Math.ceil(data.size / chunkBytes);
  const chunkSha256: string[] = [];
  const whole = createHash('sha256');
  const parallel = data.size >= PARALLEL_FROM_BYTES;
  const slots = Array.from({ length: Math.min(SLOTS, chunkCount) }, () => slot(chunkBytes, parallel));
  const chunkHasher = parallel ? startChunkHasher(slots) : undefined;
  try {
    const pending: Promise<void>[] = [];
    let reading = data.read(slots[0]!, 0);
    for (let index = 0; index < chunkCount; index++) {
      throwIfAborted(signal);
      const used = index % slots.length;
      const bytes = slots[used]!.subarray(0, await reading);
      const next = index + 1;
      if (next < chunkCount) {
        await pending[next % slots.length]; // the slot is free once its chunk hash is known
        reading = data.read(slots[next % slots.length]!, next * chunkBytes);
        reading.catch(() => {}); // awaited at the top of the loop, unless this turn throws first
      }
      if (chunkHasher === undefined) chunkSha256[index] = hash('sha256', bytes);
      else {
        pending[used] = chunkHasher.hash(used, bytes.byteLength).then((sha256) => {
          chunkSha256[index] = sha256;
        });
        pending[used].catch(() => {}); // awaited before the slot is used again, unless this loop throws first
      }
      whole.update(bytes);
      onProgress?.(Math.min(next * chunkBytes, data.size));
    }
    await Promise.all(pending);
    return { sha256: whole.digest('hex'), chunkSha256 };
  } finally {
    await chunkHasher?.stop();
  }
}

function slot(size: number, shared: boolean): Buffer {
  return shared ? Buffer.from(new SharedArrayBuffer(size)) : Buffer.allocUnsafeSlow(size);
}
