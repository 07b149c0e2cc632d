import type { RandomAccess } from '../../core/random-access.js';
import type { PatchStream } from '../formats.js';
import { readExactly } from '../read-exactly.js';

const READ_BYTES = 64 * 1024;

/** Yields the compressed bytes of one stream of a patch, in order; a chunk is valid until the next is asked for. */
export async function* patchBytes(
  patch: RandomAccess,
  stream: PatchStream,
): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = new Uint8Array(Math.min(READ_BYTES, stream.size));
  for (let at = 0; at < stream.size; at += READ_BYTES) {
    const chunk = buffer.subarray(0, stream.size - at);
    await readExactly(patch, chunk, stream.offset + at);
    yield chunk;
  }
}
