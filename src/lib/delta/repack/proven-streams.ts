import { createHash } from 'node:crypto';
import type { RandomAccess } from '../../core/random-access.js';
import { readExactly } from '../read-exactly.js';
import type { Correction, TargetStream } from './recipe.js';

/** A stream of a new image that its codec has made, bit for bit, from this content. */
export interface ProvenStream {
  /** First byte in the new image. */
  at: number;
  packedBytes: number;
  /** How it was made. */
  recipe: TargetStream;
  /** SHA-256 of what lies for it in the unpacked image. */
  contentHash: Uint8Array;
}

/** So much is packed a second time nevertheless, from the recipe as an applier reads it, bytes. */
const PACKED_TWICE_BYTES = 8 * 1024 * 1024;

/**
 * What was packed again when a patch was made, so that its proof need not do all of that once more.
 *
 * Encoding is most of what a proof takes. The first contents are packed again as on a device; for later ones it is
 * enough that the patch gives the content from which the stream was made before, and the same recipe for it.
 */
export class ProvenStreams {
  readonly #streams: readonly ProvenStream[];
  readonly #target: RandomAccess;

  constructor(streams: readonly ProvenStream[], target: RandomAccess) {
    this.#streams = streams;
    this.#target = target;
  }

  /**
   * @param number  place of the stream among those of the new image
   * @param madeBytes of contents before it
   * @param recipe  as it was read from the patch
   * @returns the stream that was made of this content in this way; undefined where it has to be made
   */
  async packed(
    number: number,
    madeBytes: number,
    content: Uint8Array,
    recipe: TargetStream,
  ): Promise<Uint8Array | undefined> {
    const stream = this.#streams[number];
    if (stream === undefined || madeBytes + content.length <= PACKED_TWICE_BYTES) return undefined;
    if (!isSameRecipe(stream.recipe, recipe)) return undefined;
    if (!createHash('sha256').update(content).digest().equals(stream.contentHash)) return undefined;
    const packed = new Uint8Array(stream.packedBytes);
    await readExactly(this.#target, packed, stream.at);
    return packed;
  }
}

function isSameRecipe(one: TargetStream, other: TargetStream): boolean {
  return (
    one.codec === other.codec &&
    one.gapBytes === other.gapBytes &&
    one.unpackedBytes === other.unpackedBytes &&
    one.contentBytes === other.contentBytes &&
    Buffer.compare(one.settings, other.settings) === 0 &&
    areSame(one.corrections, other.corrections, isSameCorrection) &&
    areSame(one.inner, other.inner, isSameRecipe)
  );
}

function isSameCorrection(one: Correction, other: Correction): boolean {
  return (
    one.gapBytes === other.gapBytes &&
    one.droppedBytes === other.droppedBytes &&
    Buffer.compare(one.bytes, other.bytes) === 0
  );
}

function areSame<T>(some: readonly T[], others: readonly T[], isSame: (one: T, other: T) => boolean): boolean {
  return some.length === others.length && some.every((one, i) => isSame(one, others[i]!));
}
