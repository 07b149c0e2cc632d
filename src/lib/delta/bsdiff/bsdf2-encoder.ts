import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { constants, createBrotliCompress } from 'node:zlib';
import { imageInMemory } from '../image/image-bytes.js';
import { findCovers } from '../match/find-covers.js';
import { coverTriples } from './cover-triples.js';
import { bsdf2Header } from './patch-header.js';
import { writeSigned64 } from './signed64.js';
import { TRIPLE_BYTES, type Triple } from './triples.js';

const QUALITY = 11;
/** Brotli windows of at most 4 MiB keep three decoders and the applier's buffers within 32 MiB. */
const MAX_WINDOW_BITS = 22;
const MIN_WINDOW_BITS = 10;
const CHUNK_BYTES = 64 * 1024;
/** Share of the time that finding the matches takes; packing takes the rest. */
const MATCHING_SHARE = 0.3;

/**
 * Encodes a `bsdf2` patch: bsdiff's triples, in three brotli streams.
 *
 * The same images give the same bytes wherever the same brotli version runs.
 *
 * @param onProgress called with the share that is done, 0 to 1
 * @returns the patch in pieces: header, control, diff, extra
 */
export async function encodeBsdf2(
  old: Buffer,
  target: Buffer,
  onProgress: (doneFraction: number) => void,
): Promise<Uint8Array[]> {
  const covers = findCovers(imageInMemory(old), imageInMemory(target), {
    onProgress: (done) => onProgress(done * MATCHING_SHARE),
  });
  const triples = coverTriples(covers, target.length);
  let packed = 0;
  const total = target.length + triples.length * TRIPLE_BYTES;
  const onPacked = (bytes: number) => {
    packed += bytes;
    onProgress(MATCHING_SHARE + (1 - MATCHING_SHARE) * (packed / total));
  };
  const added = triples.reduce((sum, { add }) => sum + add, 0);
  const [control, diff, extra] = await Promise.all([
    compress(controlBytes(triples), triples.length * TRIPLE_BYTES, onPacked),
    compress(diffBytes(triples, old, target), added, onPacked),
    compress(extraBytes(triples, target), target.length - added, onPacked),
  ]);
  return [bsdf2Header(control.length, diff.length, target.length), control, diff, extra];
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
  onPacked: (bytes: number) => void,
): Promise<Buffer> {
  const encoder = createBrotliCompress({
    chunkSize: CHUNK_BYTES,
    params: {
      [constants.BROTLI_PARAM_QUALITY]: QUALITY,
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
function* diffBytes(triples: Triple[], old: Buffer, target: Buffer): Generator<Uint8Array> {
  let chunk = new Uint8Array(CHUNK_BYTES);
  let filled = 0;
  for (const { at, oldAt, add } of placed(triples)) {
    for (let i = 0; i < add; i++) {
      if (filled === chunk.length) {
        yield chunk;
        chunk = new Uint8Array(CHUNK_BYTES);
        filled = 0;
      }
      chunk[filled++] = target[at + i]! - old[oldAt + i]!;
    }
  }
  yield chunk.subarray(0, filled);
}

/** The bytes of the new image that triples copy. */
function* extraBytes(triples: Triple[], target: Buffer): Generator<Uint8Array> {
  let chunk = new Uint8Array(CHUNK_BYTES);
  let filled = 0;
  for (const { at, add, copy } of placed(triples)) {
    for (let from = at + add; from < at + add + copy; ) {
      if (filled === chunk.length) {
        yield chunk;
        chunk = new Uint8Array(CHUNK_BYTES);
        filled = 0;
      }
      const part = target.subarray(from, Math.min(at + add + copy, from + chunk.length - filled));
      chunk.set(part, filled);
      filled += part.length;
      from += part.length;
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
