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
/** Content, packed bytes, and the copies of both that travel between threads. */
const COPIES = 4;

/**
 * States what applying a recipe takes: the two streams that need most are worked on at once, the rest of their group
 * is held.
 *
 * @throws OtaError TOOL_MISSING for a codec that is not here
 */
export async function repackNeeds(recipe: Recipe, baseSize: number, patchName: string): Promise<RepackNeeds> {
  const codecs = await requireCodecs(recipe.codecs, patchName);
  const decoding = (stream: BaseStream): number =>
    Math.max(
      stream.packedBytes + COPIES * stream.contentBytes + codecs[stream.codec]!.decoderBytes(stream.contentBytes),
      ...stream.inner.map((inner) => stream.contentBytes + decoding(inner)),
    );
  const encoding = (stream: TargetStream): number =>
    Math.max(
      COPIES * stream.contentBytes + codecs[stream.codec]!.encoderBytes(stream.settings, stream.contentBytes),
      ...stream.inner.map((inner) => stream.unpackedBytes + encoding(inner)),
    );
  const held = streamGroups(recipe.target).map((group) =>
    group.reduce((sum, { gapBytes, unpackedBytes }) => sum + gapBytes + 2 * unpackedBytes, 0),
  );
  const unpackedBytes = unpackedSize(recipe.base, baseSize);
  const isInMemory = unpackedBytes <= MEMORY_SCRATCH_BYTES;
  const working = Math.max(largest(recipe.base.map(decoding)), largest(recipe.target.map(encoding)) + most(held));
  return {
    memoryBytes: STATED_THREADS * THREAD_BYTES + working + (isInMemory ? unpackedBytes : 0),
    storageBytes: isInMemory ? 0 : unpackedBytes,
  };
}

/** Sum of the two that are largest. */
function largest(bytes: readonly number[]): number {
  const [first = 0, second = 0] = bytes.toSorted((one, other) => other - one);
  return first + second;
}

function most(bytes: readonly number[]): number {
  return bytes.reduce((max, one) => Math.max(max, one), 0);
}
