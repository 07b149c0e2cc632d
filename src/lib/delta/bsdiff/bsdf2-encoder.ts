import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { constants, createBrotliCompress } from 'node:zlib';
import type { Effort } from '../formats.js';
import type { ImageBytes } from '../image/image-bytes.js';
import { findCovers } from '../match/find-covers.js';
import { coverTriples } from './cover-triples.js';
import { bsdf2Header } from './patch-header.js';
import { writeSigned64 } from './signed64.js';
import { TRIPLE_BYTES, type Triple } from './triples.js';

/** Brotli's highest level takes five times as long as the one below it, and saves a tenth to a quarter. */
const QUALITY: Record<Effort, number> = { fast: 5, normal: 9, best: 11 };
/** Share of the time that finding the matches takes; packing takes the rest. */
const MATCHING_SHARE: Record<Effort, number> = { fast: 0.7, normal: 0.5, best: 0.1 };
/** Brotli windows of at most 4 MiB keep three decoders and the applier's buffers within 32 MiB. */
const MAX_WINDOW_BITS = 22;
const MIN_WINDOW_BITS = 10;
const CHUNK_BYTES = 64 * 1024;
export interface Bsdf2Choices {
  /** How much time packing may take. */
  effort?: Effort;
  /** What matching may use, bytes. */
  maxMemoryBytes?: number;
}

/**
 * Encodes a `bsdf2` patch: bsdiff's triples, in three brotli streams.
 *
 * The same images give the same bytes wherever the same brotli version runs.
 *
 * @param onProgress called with the share that is done, 0 to 1
 * @returns the patch in pieces: header, control, diff, extra
 */
export async function encodeBsdf2(
  old: ImageBytes,
  target: ImageBytes,
  { effort = 'best', maxMemoryBytes }: Bsdf2Choices,
  onProgress: (doneFraction: number) => void,
): Promise<Uint8Array[]> {
  const matchingShare = MATCHING_SHARE[effort];
  const covers = findCovers(old, target, {
    ...(maxMemoryBytes === undefined ? {} : { memoryBytes: maxMemoryBytes }),
    onProgress: (done) => onProgress(done * matchingShare),
  });
  const triples = coverTriples(covers, target.size);
  let packed = 0;
  const total = target.size + triples.length * TRIPLE_BYTES;
  const onPacked = (bytes: number) => {
    packed += bytes;
    onProgress(matchingShare + (1 - matchingShare) * (packed / total));
  };
  const added = triples.reduce((sum, { add }) => sum + add, 0);
  const quality = QUALITY[effort];
  const [control, diff, extra] = await Promise.all([
    compress(controlBytes(triples), triples.length * TRIPLE_BYTES, quality, onPacked),
    compress(diffBytes(triples, old, target), added, quality, onPacked),
    compress(extraBytes(triples, target), target.size - added, quality, onPacked),
  ]);
  return [bsdf2Header(control.length, diff.length, target.size), control, diff, extra];
}

/** log2 of the smallest brotli window that spans a stream of this size, up to 4 MiB. */
export function windowBits(streamSize: number): number {
  let bits = MIN_WINDOW_BITS;
  while (bits < MAX_WINDOW_BITS && 2 ** bits - 16 < streamSize) bits++;
  return bits;
}

async function compress(
  chunks: Iterable<Uint8Array>,
  size: number,
  quality: number,
  onPacked: (bytes: number) => void,
): Promise<Buffer> {
  const encoder = createBrotliCompress({
    chunkSize: CHUNK_BYTES,
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_LGWIN]: windowBits(size),
      [constants.BROTLI_PARAM_SIZE_HINT]: size,
    },
  });
  function* counted(): Generator<Uint8Array> {
    for (const chunk of chunks) {
      yield chunk;
      onPacked(chunk.length);
    }
  }
  return await pipeline(counted, encoder, buffer);
}

function* controlBytes(triples: Triple[]): Generator<Uint8Array> {
  const triplesAChunk = Math.floor(CHUNK_BYTES / TRIPLE_BYTES);
  for (let from = 0; from < triples.length; from += triplesAChunk) {
    const part = triples.slice(from, from + triplesAChunk);
    const bytes = new Uint8Array(part.length * TRIPLE_BYTES);
    part.forEach(({ add, copy, seek }, index) => {
      writeSigned64(bytes, index * TRIPLE_BYTES, add);
      writeSigned64(bytes, index * TRIPLE_BYTES + 8, copy);
      writeSigned64(bytes, index * TRIPLE_BYTES + 16, seek);
    });
    yield bytes;
  }
}

/** New minus old, modulo 256, wherever a triple adds. */
function* diffBytes(triples: Triple[], old: ImageBytes, target: ImageBytes): Generator<Uint8Array> {
  let chunk = new Uint8Array(CHUNK_BYTES);
  let filled = 0;
  for (const { at, oldAt, add } of placed(triples)) {
    for (let done = 0; done < add; ) {
      const length = Math.min(add - done, chunk.length - filled);
      const oldBytes = old.view(oldAt + done, length);
      const bytes = target.view(at + done, length);
      for (let i = 0; i < length; i++) chunk[filled++] = bytes[i]! - oldBytes[i]!;
      done += length;
      if (filled < chunk.length) continue;
      yield chunk;
      chunk = new Uint8Array(CHUNK_BYTES);
      filled = 0;
    }
  }
  yield chunk.subarray(0, filled);
}

/** The bytes of the new image that triples copy. */
function* extraBytes(triples: Triple[], target: ImageBytes): Generator<Uint8Array> {
  let chunk = new Uint8Array(CHUNK_BYTES);
  let filled = 0;
  for (const { at, add, copy } of placed(triples)) {
    for (let done = 0; done < copy; ) {
      const length = Math.min(copy - done, chunk.length - filled);
      chunk.set(target.view(at + add + done, length), filled);
      filled += length;
      done += length;
      if (filled < chunk.length) continue;
      yield chunk;
      chunk = new Uint8Array(CHUNK_BYTES);
      filled = 0;
    }
  }
  yield chunk.subarray(0, filled);
}

/** Triples with their positions in both images. */
function* placed(triples: Triple[]): Generator<Triple & { at: number; oldAt: number }> {
  let at = 0;
  let oldAt = 0;
  for (const triple of triples) {
    yield { ...triple, at, oldAt };
    at += triple.add + triple.copy;
    oldAt += triple.add + triple.seek;
  }
}
