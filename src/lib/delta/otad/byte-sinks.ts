import type { Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { constants, createBrotliCompress } from 'node:zlib';
import { lzmaEncoder } from '../coders/lzma-encoder.js';
import type { Coder, Effort } from '../formats.js';
import type { ByteSink } from './byte-body-writer.js';

const BROTLI_QUALITY: Record<Effort, number> = { fast: 5, normal: 9, best: 11 };
/** A brotli window of at most 4 MiB is what a device has to hold. */
const MAX_WINDOW_BITS = 22;
const MIN_WINDOW_BITS = 10;

/**
 * @param sizeHint bytes that will be written, about
 * @throws OtaError TOOL_MISSING
 */
export async function byteSink(coder: Exclude<Coder, 'mix'>, effort: Effort, sizeHint: number): Promise<ByteSink> {
  if (coder === 'brotli') return packingSink(brotliEncoder(effort, sizeHint));
  if (coder === 'none') return storingSink();
  const { stream, finish } = await lzmaEncoder(effort, sizeHint);
  return packingSink(stream, finish);
}

function storingSink(): ByteSink {
  const pieces: Uint8Array[] = [];
  return {
    write: async (bytes) => {
      pieces.push(bytes);
    },
    finish: async () => pieces,
  };
}

function brotliEncoder(effort: Effort, sizeHint: number): Transform {
  let windowBits = MIN_WINDOW_BITS;
  while (windowBits < MAX_WINDOW_BITS && 2 ** windowBits - 16 < sizeHint) windowBits++;
  return createBrotliCompress({
    params: {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY[effort],
      [constants.BROTLI_PARAM_LGWIN]: windowBits,
      [constants.BROTLI_PARAM_SIZE_HINT]: sizeHint,
    },
  });
}

function packingSink(
  encoder: Transform,
  finish: (packed: Uint8Array, decodedBytes: number) => Uint8Array[] = (packed) => [packed],
): ByteSink {
  const packed = buffer(encoder);
  packed.catch(() => undefined); // reported when it is awaited
  let decodedBytes = 0;
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        decodedBytes += bytes.length;
        encoder.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    finish: async () => {
      encoder.end();
      return finish(await packed, decodedBytes);
    },
  };
}
