import type { Transform } from 'node:stream';
import { constants, createBrotliCompress } from 'node:zlib';
import type { Effort } from '../formats.js';

/** Brotli's highest level takes five times as long as the one below it, and saves a tenth to a quarter. */
const QUALITY: Record<Effort, number> = { fast: 5, normal: 9, best: 11 };
/** A window of at most 4 MiB is what a device has to hold; three of them and the applier's buffers stay within 32 MiB. */
const MAX_WINDOW_BITS = 22;
const MIN_WINDOW_BITS = 10;
const CHUNK_BYTES = 64 * 1024;

/**
 * Packs with brotli, with the smallest window that spans the stream. The same bytes come out wherever
 * the same brotli version runs.
 *
 * @param size bytes that will be written, about
 */
export function brotliEncoder(effort: Effort, size: number): Transform {
  let windowBits = MIN_WINDOW_BITS;
  while (windowBits < MAX_WINDOW_BITS && 2 ** windowBits - 16 < size) windowBits++;
  return createBrotliCompress({
    chunkSize: CHUNK_BYTES,
    params: {
      [constants.BROTLI_PARAM_QUALITY]: QUALITY[effort],
      [constants.BROTLI_PARAM_LGWIN]: windowBits,
      [constants.BROTLI_PARAM_SIZE_HINT]: size,
    },
  });
}
