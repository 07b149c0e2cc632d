import { createHash } from 'node:crypto';
import { chooseTableBits } from '../coders/mix/mix-model.js';
import type { Coder, Effort } from '../formats.js';
import { type ImageBytes, MAX_VIEW_BYTES } from '../image/image-bytes.js';
import type { Covers } from '../match/covers.js';
import { findCovers } from '../match/find-covers.js';
import type { AddressSpaces, Machine } from '../predict/address-space.js';
import { countBlocks, suitableBlockBits } from '../predict/blocks.js';
import { chooseModes } from '../predict/choose-modes.js';
import { detectSpaces } from '../predict/detect-spaces.js';
import { normaliser } from '../predict/normaliser.js';
import { Predictor } from '../predict/predictor.js';
import { ByteBodyWriter } from './byte-body-writer.js';
import { byteSink } from './byte-sinks.js';
import { ChunkWriter } from './chunk-writer.js';
import { MOST_BLOCK_BITS } from './control.js';
import { CHUNK_HASH_BYTES, chunkCount, writeHeader } from './header.js';
import { MixBodyWriter } from './mix/mix-body-writer.js';

export interface OtadChoices {
  coder?: Coder;
  effort?: Effort;
  maxMemoryBytes?: number;
  machine?: Machine;
  baseAddress?: number;
}

const LEAST_CHUNK_BITS = 20;
const MOST_CHUNK_BITS = 23;
const ENOUGH_CHUNKS = 256;
/** Shares of the time that finding covers and choosing modes take; packing takes the rest. */
const MATCHING_SHARE = 0.6;
const CHOOSING_SHARE = 0.15;

/**
 * Encodes an otad patch.
 *
 * The same images and choices give the same bytes on every machine.
 *
 * @param onProgress called with the share that is done, 0 to 1
 * @returns the patch in pieces
 * @throws OtaError TOOL_MISSING for the coder `lzma`
 */
export async function encodeOtad(
  old: ImageBytes,
  target: ImageBytes,
  { coder = 'mix', effort = 'best', ...choices }: OtadChoices,
  onProgress: (doneFraction: number) => void,
): Promise<Uint8Array[]> {
  const spaces = detectSpaces(old, target, choices);
  const covers = coversOf(old, target, spaces, choices.maxMemoryBytes, (done) => onProgress(done * MATCHING_SHARE));
  const isPredicted = spaces.machine !== 'none';
  const blockBits = isPredicted ? suitableBlockBits(target.size) : MOST_BLOCK_BITS;
  const onChosen = (done: number) => onProgress(MATCHING_SHARE + done * CHOOSING_SHARE);
  const modes = isPredicted
    ? chooseModes(new Predictor(spaces, covers), covers, blockBits, old, target, onChosen)
    : new Uint8Array(countBlocks(covers, blockBits));

  const chunkBits = chooseChunkBits(target.size);
  const order = Int32Array.from({ length: chunkCount({ targetSize: target.size, chunkBits }) }, (_, i) => i);
  const counterBits = coder === 'mix' ? chooseTableBits(target.size) : 0;
  const body =
    coder === 'mix'
      ? new MixBodyWriter(counterBits)
      : new ByteBodyWriter(await byteSink(coder, effort, target.size + modes.length));
  const control = { spaces, covers, blockBits, order };
  await body.control(control, false);
  const writer = new ChunkWriter(control, modes, old, target, body);
  const chunkHashes: Uint8Array[] = [];
  for (const number of order) {
    const at = number * 2 ** chunkBits;
    const end = Math.min(at + 2 ** chunkBits, target.size);
    await writer.write(at, end);
    chunkHashes[number] = hashOf(target, at, end);
    const packed = end / target.size;
    onProgress(MATCHING_SHARE + CHOOSING_SHARE + (1 - MATCHING_SHARE - CHOOSING_SHARE) * packed);
  }
  const { pieces, bodyBytes } = await body.finish();
  const sizes = { baseSize: old.size, targetSize: target.size, chunkBits, bodyBytes, counterBits };
  const kind = { coder, reordered: false, repacked: false };
  return [writeHeader({ ...kind, ...sizes, coverCount: covers.count, chunkHashes }), ...pieces];
}

function coversOf(
  old: ImageBytes,
  target: ImageBytes,
  spaces: AddressSpaces,
  memoryBytes: number | undefined,
  onProgress: (doneFraction: number) => void,
): Covers {
  const ofOld = normaliser(spaces.machine, spaces.old);
  const ofTarget = normaliser(spaces.machine, spaces.new);
  return findCovers(old, target, {
    ...(ofOld && ofTarget ? { normalise: { old: ofOld, target: ofTarget } } : {}),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    onProgress,
  });
}

/** As few chunks as are useful: an image below 1 MiB has one. */
function chooseChunkBits(targetSize: number): number {
  let bits = LEAST_CHUNK_BITS;
  while (bits < MOST_CHUNK_BITS && targetSize > ENOUGH_CHUNKS * 2 ** bits) bits++;
  return bits;
}

function hashOf(image: ImageBytes, from: number, to: number): Uint8Array {
  const hash = createHash('sha256');
  for (let at = from; at < to; at += MAX_VIEW_BYTES) hash.update(image.view(at, Math.min(MAX_VIEW_BYTES, to - at)));
  return hash.digest().subarray(0, CHUNK_HASH_BYTES);
}
