import { createHash } from 'node:crypto';
import type { Coder, Effort, InPlaceOptions } from '../formats.js';
import { type ImageBytes, MAX_VIEW_BYTES } from '../image/image-bytes.js';
import { NO_RANGES, type OldRanges, totalBytes } from '../inplace/old-ranges.js';
import { planInPlace } from '../inplace/plan-in-place.js';
import type { Covers } from '../match/covers.js';
import { findCovers } from '../match/find-covers.js';
import { otadPlan } from '../plan/otad-plan.js';
import type { AddressSpaces, Machine } from '../predict/address-space.js';
import { countBlocks, suitableBlockBits } from '../predict/blocks.js';
import { chooseModes } from '../predict/choose-modes.js';
import { detectSpaces } from '../predict/detect-spaces.js';
import { normaliser } from '../predict/normaliser.js';
import { Predictor } from '../predict/predictor.js';
import { realignTables } from '../predict/realign-tables.js';
import { refinedCovers } from '../predict/refined-covers.js';
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
  /** The patch is for a device that writes over the image it reads. */
  inPlace?: InPlaceOptions;
  /** The images are unpacked ones. */
  repacked?: boolean;
}

const LEAST_CHUNK_BITS = 20;
const MOST_CHUNK_BITS = 23;
const ENOUGH_CHUNKS = 256;
/**
 * With a general coder, prediction is the largest part of applying: what it hardly corrects is left alone, at a few
 * thousandths of the size at most. With mix, coding is.
 */
const LEAST_GAIN = 1 / 6;
const NONE = new Uint8Array(0);
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
 * @throws OtaError TOOL_MISSING for the coder `lzma`; LIMIT_EXCEEDED as `otadPlan`
 */
export async function encodeOtad(
  old: ImageBytes,
  target: ImageBytes,
  choices: OtadChoices,
  onProgress: (doneFraction: number) => void,
): Promise<Uint8Array[]> {
  const { inPlace } = choices;
  const format = choices.repacked ? 'otad-repack' : inPlace === undefined ? 'otad' : 'otad-inplace';
  const plan = otadPlan(format, { baseBytes: old.size, targetBytes: target.size }, choices);
  const { coding } = plan;
  const spaces = detectSpaces(old, target, { ...choices, mostWords: plan.mostWords });
  const matched = coversOf(old, target, spaces, plan.matchBytes, (done) => onProgress(done * MATCHING_SHARE));
  const found = plan.refines ? refinedCovers(spaces, matched, old, target) : matched;
  const { covers, order, chunkBits, stash } =
    inPlace === undefined ? inSequence(found, target.size) : planChunks(found, old, target, inPlace);
  const isPredicted = spaces.machine !== 'none';
  const blockBits = Math.min(chunkBits, isPredicted ? suitableBlockBits(target.size) : MOST_BLOCK_BITS);
  const choosing = {
    leastGain: coding.coder === 'mix' ? 0 : LEAST_GAIN,
    onProgress: (done: number) => onProgress(MATCHING_SHARE + done * CHOOSING_SHARE),
  };
  const modes = isPredicted
    ? chooseModes(new Predictor(spaces, covers), covers, blockBits, old, target, choosing)
    : new Uint8Array(countBlocks(covers, blockBits));

  const body =
    coding.coder === 'mix'
      ? new MixBodyWriter(coding.tableBits)
      : new ByteBodyWriter(await byteSink(coding, target.size + modes.length));
  const control = { spaces, covers, blockBits, order, stash };
  const reordered = inPlace !== undefined;
  await body.control(control, reordered);
  const writer = new ChunkWriter(control, modes, { old, target }, body, reordered);
  const chunkHashes: Uint8Array[] = [];
  for (const [made, number] of order.entries()) {
    const at = number * 2 ** chunkBits;
    const end = Math.min(at + 2 ** chunkBits, target.size);
    await writer.write(at, end);
    chunkHashes[number] = hashOf(target, [[at, end - at]]);
    const packed = (made + 1) / order.length;
    onProgress(MATCHING_SHARE + CHOOSING_SHARE + (1 - MATCHING_SHARE - CHOOSING_SHARE) * packed);
  }
  const { pieces, bodyBytes } = await body.finish();
  const counterBits = coding.coder === 'mix' ? coding.tableBits : 0;
  const sizes = { baseSize: old.size, targetSize: target.size, chunkBits, bodyBytes, counterBits };
  const stashed = { stashBytes: totalBytes(stash), stashHash: stash.count === 0 ? NONE : hashOf(old, pairsOf(stash)) };
  const kind = { coder: coding.coder, reordered, repacked: choices.repacked ?? false };
  return [writeHeader({ ...kind, ...sizes, ...stashed, coverCount: covers.count, chunkHashes }), ...pieces];
}

interface ChunkPlan {
  covers: Covers;
  order: Int32Array;
  chunkBits: number;
  stash: OldRanges;
}

function inSequence(covers: Covers, targetSize: number): ChunkPlan {
  const chunkBits = chooseChunkBits(targetSize);
  const order = Int32Array.from({ length: chunkCount({ targetSize, chunkBits }) }, (_, i) => i);
  return { covers, order, chunkBits, stash: NO_RANGES };
}

/** For a device that overwrites its image, a chunk is a block of its storage. */
function planChunks(
  found: Covers,
  old: ImageBytes,
  target: ImageBytes,
  { blockBytes, spaceBytes = blockBytes }: InPlaceOptions,
): ChunkPlan {
  const isUnchanged = (block: number) => {
    const at = block * blockBytes;
    const end = Math.min(at + blockBytes, target.size);
    if (end > old.size) return false;
    for (const [from, length] of views(at, end - at)) {
      if (Buffer.compare(old.view(from, length), target.view(from, length)) !== 0) return false;
    }
    return true;
  };
  const { covers, order, stash } = planInPlace(found, target.size, { blockBytes, spaceBytes, isUnchanged });
  return { covers, order, chunkBits: Math.log2(blockBytes), stash };
}

function coversOf(
  old: ImageBytes,
  target: ImageBytes,
  spaces: AddressSpaces,
  memoryBytes: number,
  onProgress: (doneFraction: number) => void,
): Covers {
  const ofOld = normaliser(spaces.machine, spaces.old);
  const ofTarget = normaliser(spaces.machine, spaces.new);
  const covers = findCovers(old, target, {
    ...(ofOld && ofTarget ? { normalise: { old: ofOld, target: ofTarget } } : {}),
    memoryBytes,
    onProgress,
  });
  return spaces.machine === 'none' ? covers : realignTables(spaces, covers, old, target);
}

/** As few chunks as are useful: an image below 1 MiB has one. */
function chooseChunkBits(targetSize: number): number {
  let bits = LEAST_CHUNK_BITS;
  while (bits < MOST_CHUNK_BITS && targetSize > ENOUGH_CHUNKS * 2 ** bits) bits++;
  return bits;
}

function hashOf(image: ImageBytes, pieces: Iterable<readonly [at: number, length: number]>): Uint8Array {
  const hash = createHash('sha256');
  for (const piece of pieces) for (const [at, length] of views(...piece)) hash.update(image.view(at, length));
  return hash.digest().subarray(0, CHUNK_HASH_BYTES);
}

function* pairsOf({ count, oldAt, length }: OldRanges): Generator<[at: number, length: number]> {
  for (let i = 0; i < count; i++) yield [oldAt[i]!, length[i]!];
}

function* views(from: number, length: number): Generator<[at: number, length: number]> {
  for (let done = 0; done < length; done += MAX_VIEW_BYTES) {
    yield [from + done, Math.min(MAX_VIEW_BYTES, length - done)];
  }
}
