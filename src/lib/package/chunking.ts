/** Chunks that a payload is cut into, at most: one hash each keeps metadata small. */
const MAX_CHUNKS = 512;
/** Small devices hold one chunk in memory, so chunks of small payloads stay small, bytes. */
const SMALLEST_CHUNK_BYTES = 64 * 1024;

/**
 * Chunk size for a payload: the smallest power of two from 64 KiB on that gives at most 512 chunks.
 *
 * @param size payload, bytes
 */
export function chooseChunkBytes(size: number): number {
  let chunkBytes = SMALLEST_CHUNK_BYTES;
  while (chunkBytes * MAX_CHUNKS < size) chunkBytes *= 2;
  return chunkBytes;
}
