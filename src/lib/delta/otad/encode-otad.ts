import { createHash } from 'node:crypto';
import type { Coder, Effort } from '../formats.js';
import { type ImageBytes, MAX_VIEW_BYTES } from '../image/image-bytes.js';
import { findCovers } from '../match/find-covers.js';
import type { AddressSpaces, Machine } from '../predict/address-space.js';
import { blocksBetween, gapsBetween } from './blocks.js';
import type { BodyWriter } from './body.js';
import { ByteBodyWriter } from './byte-body-writer.js';
import { byteSink } from './byte-sinks.js';
import { CHUNK_HASH_BYTES, chunkCount, writeHeader } from './header.js';

export interface OtadChoices {
  coder?: Coder;
  effort?: Effort;
  maxMemoryBytes?: number;
  machine?: Machine;
  baseAddress?: number;
}

const MIN_CHUNK_BITS = 20;
const MAX_CHUNK_BITS = 23;
const MOST_CHUNKS = 256;
/** Share of the time that finding the matches takes; packing takes the rest. */
const MATCHING_SHARE = 0.5;

/**
 * Encodes an otad patch.
 *
 * The same images and choices give the same bytes on every machine.
 *
 * @param onProgress called with the share that is done, 0 to 1
 * @returns the patch in pieces
 */
export async function encodeOtad(
  old: ImageBytes,
  target: ImageBytes,
  { coder = 'brotli', effort = 'best', maxMemoryBytes }: OtadChoices,
  onProgress: (doneFraction: number) => void,
): Promise<Uint8Array[]> {
  const covers = findCovers(old, target, {
    ...(maxMemoryBytes === undefined ? {} : { memoryBytes: maxMemoryBytes }),
    onProgress: (done) => onProgress(done * MATCHING_SHARE),
  });
  const spaces: AddressSpaces = { machine: 'none', old: [], new: [] };
  const chunkBits = chooseChunkBits(target.size);
  const chunkBytes = 2 ** chunkBits;
  const order = Int32Array.from({ length: chunkCount({ targetSize: target.size, chunkBits }) }, (_, i) => i);
  const body: BodyWriter = new ByteBodyWriter(byteSink(coder, effort, target.size));
  await body.control({ spaces, covers, order }, false);

  const chunkHashes: Uint8Array[] = [];
  for (const number of order) {
    const at = number * chunkBytes;
    const end = Math.min(at + chunkBytes, target.size);
    for (const { newAt, oldAt, length } of blocksBetween(covers, at, end)) {
      await body.correct(old.view(oldAt, length), target.view(newAt, length), 0);
    }
    for (const [start, gapEnd] of gapsBetween(covers, at, end)) {
      for (const [from, length] of views(start, gapEnd)) await body.extra(target.view(from, length));
    }
    const hash = createHash('sha256');
    for (const [from, length] of views(at, end)) hash.update(target.view(from, length));
    chunkHashes[number] = hash.digest().subarray(0, CHUNK_HASH_BYTES);
    onProgress(MATCHING_SHARE + (1 - MATCHING_SHARE) * (end / target.size));
  }
  const { pieces, bodyBytes } = await body.finish();
  const sizes = { baseSize: old.size, targetSize: target.size, chunkBits, chunkHashes };
  const header = writeHeader({
    coder,
    reordered: false,
    repacked: false,
    ...sizes,
    bodyBytes,
    coverCount: covers.count,
  });
  return [header, ...pieces];
}

/** As few chunks as are useful: an image below 1 MiB has one. */
function chooseChunkBits(targetSize: number): number {
  let bits = MIN_CHUNK_BITS;
  while (bits < MAX_CHUNK_BITS && targetSize > MOST_CHUNKS * 2 ** bits) bits++;
  return bits;
}

function* views(from: number, to: number): Generator<[at: number, length: number]> {
  for (let at = from; at < to; at += MAX_VIEW_BYTES) yield [at, Math.min(MAX_VIEW_BYTES, to - at)];
}
