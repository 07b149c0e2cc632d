import { buffer } from 'node:stream/consumers';
import { constants, createBrotliCompress } from 'node:zlib';
import type { Coder, Effort } from '../formats.js';
import type { ByteSink } from './byte-body-writer.js';

const BROTLI_QUALITY: Record<Effort, number> = { fast: 5, normal: 9, best: 11 };
/** A brotli window of at most 4 MiB is what a device has to hold. */
const MAX_WINDOW_BITS = 22;
const MIN_WINDOW_BITS = 10;

/** @param sizeHint bytes that will be written, about */
export function byteSink(coder: Coder, effort: Effort, sizeHint: number): ByteSink {
  return coder === 'none' ? storedSink() : brotliSink(effort, sizeHint);
}

function storedSink(): ByteSink {
  const pieces: Uint8Array[] = [];
  return {
    write: async (bytes) => {
      pieces.push(bytes);
    },
    finish: async () => pieces,
  };
}

function brotliSink(effort: Effort, sizeHint: number): ByteSink {
  let windowBits = MIN_WINDOW_BITS;
  while (windowBits < MAX_WINDOW_BITS && 2 ** windowBits - 16 < sizeHint) windowBits++;
  const encoder = createBrotliCompress({
    params: {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY[effort],
      [constants.BROTLI_PARAM_LGWIN]: windowBits,
      [constants.BROTLI_PARAM_SIZE_HINT]: sizeHint,
    },
  });
  const packed = buffer(encoder);
  packed.catch(() => undefined); // reported when it is awaited
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => encoder.write(bytes, (error) => (error ? reject(error) : resolve()))),
    finish: async () => {
      encoder.end();
      return [await packed];
    },
  };
}
