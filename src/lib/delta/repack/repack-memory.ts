import { batches } from './batches.js';
import { requireCodecs } from './codecs.js';
import { type BaseStream, type Recipe, streamGroups, type TargetStream } from './recipe.js';
import { unpackedSize } from './recipe-reader.js';
import { MEMORY_SCRATCH_BYTES } from './scratch-storage.js';

/** What applying a recipe takes beside making the unpacked image. */
export interface RepackNeeds {
  /** Beyond the runtime, bytes. */
  memoryBytes: number;
  /** For the unpacked old image, bytes; 0 where it is held in memory. */
  storageBytes: number;
}

/** At most two threads work, each with its codec's library. */
const STATED_THREADS = 2;
/** A thread, its library, and pieces of output that are garbage already. */
const THREAD_BYTES = 96 * 1024 * 1024;
/** A content and what it is made of or becomes, which is rarely larger. */
const COPIES = 2;

/**
 * States what applying a recipe takes: the two streams that need most are worked on at once, the rest of their batch or
 * group is held. First the old image is unpacked, then the new one packed.
 *
 * @throws OtaError TOOL_MISSING for a codec that is not here
 */
export async function repackNeeds(recipe: Recipe, baseSize: number, patchName: string): Promise<RepackNeeds> {
  const { base, target } = recipe;
  const codecs = await requireCodecs(recipe.codecs, patchName);
  const decoding = ({ codec, contentBytes, inner }: BaseStream): number =>
    most([codecs[codec]!.decoderBytes(contentBytes), ...inner.map((one) => COPIES * contentBytes + decoding(one))]);
  const encoding = ({ codec, settings, contentBytes, inner }: TargetStream): number =>
    most([
      codecs[codec]!.encoderBytes(settings, contentBytes),
      ...inner.map((one) => COPIES * one.unpackedBytes + contentBytes + encoding(one)),
    ]);
  const unpacked = [...batches(base)].map((batch) =>
    sum(batch.map(({ packedBytes, contentBytes }) => packedBytes + COPIES * contentBytes)),
  );
  const packed = streamGroups(target).map((group) =>
    sum(group.map(({ gapBytes, unpackedBytes }) => gapBytes + COPIES * unpackedBytes)),
  );
  const unpackedBytes = unpackedSize(base, baseSize);
  const isInMemory = unpackedBytes <= MEMORY_SCRATCH_BYTES;
  const threads = Math.min(STATED_THREADS, Math.max(base.length, target.length));
  const working = Math.max(most(unpacked) + largest(base.map(decoding)), most(packed) + largest(target.map(encoding)));
  return {
    memoryBytes: threads * THREAD_BYTES + working + (isInMemory ? unpackedBytes : 0),
    storageBytes: isInMemory ? 0 : unpackedBytes,
  };
}

function sum(bytes: readonly number[]): number {
  return bytes.reduce((total, one) => total + one, 0);
}

/** Sum of the two that are largest. */
function largest(bytes: readonly number[]): number {
  const [first = 0, second = 0] = bytes.toSorted((one, other) => other - one);
  return first + second;
}

function most(bytes: readonly number[]): number {
  return bytes.reduce((max, one) => Math.max(max, one), 0);
}
