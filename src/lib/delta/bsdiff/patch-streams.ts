import type { ImageBytes } from '../image/image-bytes.js';
import { writeSigned64 } from './signed64.js';
import { TRIPLE_BYTES, type Triple } from './triples.js';

const CHUNK_BYTES = 64 * 1024;

/** One of the three streams of a patch, before it is packed. */
export interface UnpackedStream {
  /** Bytes. */
  size: number;
  chunks: Iterable<Uint8Array>;
}

/** What triples need to make the new image: control, diff and extra stream, in the order of a patch. */
export function patchStreams(
  triples: Triple[],
  old: ImageBytes,
  target: ImageBytes,
): [control: UnpackedStream, diff: UnpackedStream, extra: UnpackedStream] {
  const added = triples.reduce((sum, { add }) => sum + add, 0);
  return [
    { size: triples.length * TRIPLE_BYTES, chunks: controlBytes(triples) },
    { size: added, chunks: diffBytes(triples, old, target) },
    { size: target.size - added, chunks: extraBytes(triples, target) },
  ];
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
