import { hash } from 'node:crypto';
import { OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';
import type { PayloadEntry } from './metadata.js';

/** A patch is read at three places at once (control, diff, extra), and one more chunk avoids thrashing at borders. */
const CACHED_CHUNKS = 4;

/**
 * A payload of which every byte handed out belongs to a chunk whose SHA-256 the
 * signed metadata promised: a decoder behind it sees authenticated bytes only,
 * even if the file changes while it is read.
 *
 * Memory: at most four chunks.
 *
 * @param data  the payload as it lies in the container
 * @param entry its entry in metadata whose signatures were checked
 * @returns reads that throw OtaError PAYLOAD_MISMATCH when a chunk differs
 */
export function authenticatedPayload(data: RandomAccess, entry: PayloadEntry): RandomAccess {
  const cache = new Map<number, Promise<Buffer>>();

  const loadChunk = async (index: number): Promise<Buffer> => {
    const start = index * entry.chunkBytes;
    const bytes = Buffer.allocUnsafe(Math.min(entry.chunkBytes, entry.size - start));
    const got = await data.read(bytes, start);
    checkChunk(entry, index, bytes.subarray(0, got), data.name);
    return bytes;
  };
  const chunk = (index: number): Promise<Buffer> => {
    const cached = cache.get(index);
    cache.delete(index); // set again below: a Map keeps the order, the first key is the least recently used
    const loading = cached ?? loadChunk(index);
    cache.set(index, loading);
    if (cache.size > CACHED_CHUNKS) cache.delete(cache.keys().next().value as number);
    return loading;
  };
  return {
    name: data.name,
    size: entry.size,
    async read(into, position) {
      let done = 0;
      while (done < into.byteLength && position + done < entry.size) {
        const at = position + done;
        const bytes = await chunk(Math.floor(at / entry.chunkBytes));
        const part = bytes.subarray(at % entry.chunkBytes, (at % entry.chunkBytes) + into.byteLength - done);
        into.set(part, done);
        done += part.byteLength;
      }
      return done;
    },
  };
}

/** @throws OtaError PAYLOAD_MISMATCH: these are not the bytes that metadata promises for chunk `index` */
export function checkChunk(entry: PayloadEntry, index: number, bytes: Uint8Array, name: string): void {
  checkChunkHash(entry, index, hash('sha256', bytes), name);
}

/** As {@link checkChunk}, for a hash computed elsewhere. */
export function checkChunkHash(entry: PayloadEntry, index: number, got: string, name: string): void {
  const expected = entry.chunkSha256[index];
  if (got === expected) return;
  throw mismatch(
    name,
    `SHA-256 of chunk ${index} (from byte ${index * entry.chunkBytes}) is ${got}, expected ${expected}`,
  );
}

export function mismatch(name: string, fact: string): OtaError {
  return new OtaError('PAYLOAD_MISMATCH', `${name}: differs from the signed metadata: ${fact}`, [
    'Download the package again; if it still differs, ask its publisher for a new build.',
  ]);
}
