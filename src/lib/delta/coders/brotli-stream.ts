import { pipeline } from 'node:stream';
import { createBrotliDecompress } from 'node:zlib';
import { OtaError } from '../../core/errors.js';
import type { RandomAccess } from '../../core/random-access.js';
import type { PatchStream } from '../formats.js';
import { invalidPatch } from '../patch-error.js';
import { patchBytes } from './patch-bytes.js';

const DECODER_OPTIONS = {
  chunkSize: 64 * 1024,
  writableHighWaterMark: 1, // asks for the next input only when it is done with the last, whose buffer is used again
  readableObjectMode: true, // or chunks that wait to be read would be joined into a copy
  readableHighWaterMark: 2,
};

/**
 * Decodes one brotli stream of a patch (RFC 7932) on a thread of the pool.
 *
 * It runs at most one chunk ahead of its reader and stops when the reader
 * does, so a stream that would decode to gigabytes costs one chunk.
 *
 * @throws OtaError PATCH_INVALID: damaged or truncated data, bytes after its end
 */
export async function* brotliStream(
  patch: RandomAccess,
  stream: PatchStream,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = createBrotliDecompress(DECODER_OPTIONS);
  pipeline(patchBytes(patch, stream), decoder, () => undefined); // a failure reaches the loop below through the decoder
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer<ArrayBuffer>>) {
      yield chunk;
      // each chunk is a fresh allocation; without this they pile up until the garbage collector runs
      if (chunk.length === chunk.buffer.byteLength) release(chunk.buffer);
    }
  } catch (error) {
    if (error instanceof OtaError) throw error;
    throw invalidPatch(patch.name, `the ${stream.name} stream is not valid brotli data`, { cause: error });
  }
  if (decoder.bytesWritten !== stream.size) {
    throw invalidPatch(
      patch.name,
      `the ${stream.name} stream ends after ${decoder.bytesWritten} of its ${stream.size} compressed bytes`,
    );
  }
}

/** Gives memory back at once; before Node 21, which appliers on devices may be, it waits for the garbage collector. */
function release(buffer: ArrayBuffer): void {
  if ('transfer' in buffer) buffer.transfer(0);
}
