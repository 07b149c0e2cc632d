import type { Transform } from 'node:stream';
import { constants, createBrotliCompress } from 'node:zlib';
import type { Effort } from '../formats.js';

/** How a stream is packed. */
export interface BrotliSetting {
  quality: number;
  /** log2 of the sliding window. */
  windowBits: number;
}

/** Brotli's highest level takes five times as long as the one below it, and saves a tenth to a quarter. */
const QUALITY: Record<Effort, number> = { fast: 5, normal: 9, best: 11 };
/** A window of at most 4 MiB is what a device has to hold; three of them and the applier's buffers stay within 32 MiB. */
const MAX_WINDOW_BITS = 22;
const MIN_WINDOW_BITS = 10;
/** Windows below this save no memory that would count. */
const LEAST_SAVING_BITS = 16;
const CHUNK_BYTES = 64 * 1024;

const MIB = 1024 * 1024;
/** What encoders of a quality take: in any case, for each byte they see before they write, for each byte of window. */
const NEEDS: Record<Effort, { fixedBytes: number; eachSeen: number; eachOfWindow: number }> = {
  fast: { fixedBytes: 12 * MIB, eachSeen: 6, eachOfWindow: 6 },
  normal: { fixedBytes: 36 * MIB, eachSeen: 6, eachOfWindow: 6 },
  best: { fixedBytes: 12 * MIB, eachSeen: 24, eachOfWindow: 10 },
};
/** An encoder sees so many times its window before it writes, but not more than 4 MiB. */
const SEEN_WINDOWS = 10;
const MOST_SEEN_BYTES = 4 * MIB;

/**
 * The usual settings for a stream, with the smallest window that spans it, then those that take less memory: smaller
 * windows, at last the lowest quality.
 *
 * @param size of the stream, bytes
 */
export function brotliSettings(effort: Effort, size: number): BrotliSetting[] {
  let windowBits = windowBitsFor(size);
  const settings = [{ quality: QUALITY[effort], windowBits }];
  while (--windowBits >= LEAST_SAVING_BITS) settings.push({ quality: QUALITY[effort], windowBits });
  return [...settings, { quality: QUALITY.fast, windowBits: settings.at(-1)!.windowBits }];
}

/** log2 of the smallest window that spans a stream, up to 4 MiB. */
function windowBitsFor(size: number): number {
  let windowBits = MIN_WINDOW_BITS;
  while (windowBits < MAX_WINDOW_BITS && 2 ** windowBits - 16 < size) windowBits++;
  return windowBits;
}

/** A setting for a stream no larger than the one that it was chosen for. */
export function spanning(largest: BrotliSetting, size: number): BrotliSetting {
  return { ...largest, windowBits: Math.min(largest.windowBits, windowBitsFor(size)) };
}

/** The most that an encoder takes, bytes: measured with Brotli 1.1 on code, which it finds hardest, and rounded up. */
export function brotliEncoderBytes({ quality, windowBits }: BrotliSetting, size: number): number {
  const { fixedBytes, eachSeen, eachOfWindow } =
    NEEDS[quality <= QUALITY.fast ? 'fast' : quality <= QUALITY.normal ? 'normal' : 'best'];
  const windowBytes = 2 ** windowBits;
  return (
    fixedBytes + eachSeen * Math.min(size, SEEN_WINDOWS * windowBytes, MOST_SEEN_BYTES) + eachOfWindow * windowBytes
  );
}

/**
 * Packs with brotli. The same bytes come out wherever the same brotli version runs.
 *
 * @param sizeHint bytes that will be written, about
 */
export function brotliEncoder({ quality, windowBits }: BrotliSetting, sizeHint: number): Transform {
  return createBrotliCompress({
    chunkSize: CHUNK_BYTES,
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_LGWIN]: windowBits,
      [constants.BROTLI_PARAM_SIZE_HINT]: sizeHint,
    },
  });
}
