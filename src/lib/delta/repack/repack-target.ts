import { createHash } from 'node:crypto';
import { throwIfAborted } from '../../core/abort.js';
import { OtaError } from '../../core/errors.js';
import { escapeText } from '../../core/text.js';
import { invalidPatch } from '../patch-error.js';
import { CodecError, CodecPool } from './codec-pool.js';
import { requireCodecs } from './codecs.js';
import { PieceReader } from './piece-reader.js';
import type { ProvenStreams } from './proven-streams.js';
import { CHECK_BYTES, type Recipe, streamGroups, type TargetStream } from './recipe.js';
import type { RepackOptions } from './unpacked-base.js';

/**
 * Packs the new image again, in order, from its unpacked bytes.
 *
 * Streams are packed in groups, on the threads that there are, and a group is passed on only after its check.
 *
 * @param unpacked in order; exactly the bytes that the recipe was read for
 * @yields the new image; a piece is valid until the next one is asked for
 * @throws OtaError TOOL_MISSING for a codec that is not here, NOT_REPRODUCIBLE when an encoder makes other bytes here
 *   than where the patch was made, PATCH_INVALID, INTERRUPTED, TERMINATED
 */
export async function* repackTarget(
  recipe: Recipe,
  unpacked: AsyncIterable<Uint8Array>,
  { patchName, signal, proven }: RepackOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  await requireCodecs(recipe.codecs, patchName);
  await using pool = new CodecPool();
  const reader = new PieceReader(unpacked);
  try {
    const packer = new StreamPacker(recipe, pool, patchName, proven);
    for (const [i, group] of streamGroups(recipe.target).entries()) {
      throwIfAborted(signal);
      yield* reader.pieces(group[0]!.gapBytes);
      yield* await packGroup(group, recipe.checks[i]!, reader, packer);
    }
    yield* reader.rest();
  } finally {
    await reader.close();
  }
}

/** @returns the group's streams, and what lies between them */
async function packGroup(
  group: readonly TargetStream[],
  check: Uint8Array,
  reader: PieceReader,
  packer: StreamPacker,
): Promise<Uint8Array[]> {
  const gaps: Uint8Array[] = [];
  const packing: Promise<Uint8Array>[] = [];
  for (const [i, stream] of group.entries()) {
    if (i > 0) gaps.push(await reader.take(stream.gapBytes));
    const packed = packer.packNext(await reader.take(stream.unpackedBytes), stream);
    packed.catch(() => undefined); // reported when it is awaited, not before
    packing.push(packed);
  }
  const streams = await Promise.all(packing);
  const hash = createHash('sha256');
  for (const stream of streams) hash.update(stream);
  if (!hash.digest().subarray(0, CHECK_BYTES).equals(check)) throw packer.notReproduced(group);
  return streams.flatMap((stream, i) => (i === 0 ? [stream] : [gaps[i - 1]!, stream]));
}

class StreamPacker {
  readonly #recipe: Recipe;
  readonly #pool: CodecPool;
  readonly #patchName: string;
  readonly #proven: ProvenStreams | undefined;
  #packedStreams = 0;
  #packedBytes = 0;

  constructor(recipe: Recipe, pool: CodecPool, patchName: string, proven: ProvenStreams | undefined) {
    this.#recipe = recipe;
    this.#pool = pool;
    this.#patchName = patchName;
    this.#proven = proven;
  }

  /** Packs the image's next stream, unless it is known what becomes of this content. */
  async packNext(unpacked: Uint8Array, stream: TargetStream): Promise<Uint8Array> {
    const [number, madeBytes] = [this.#packedStreams++, this.#packedBytes];
    this.#packedBytes += unpacked.length;
    return (await this.#proven?.packed(number, madeBytes, unpacked, stream)) ?? this.pack(unpacked, stream);
  }

  /** Packs the streams inside, then the stream. */
  async pack(unpacked: Uint8Array, stream: TargetStream): Promise<Uint8Array> {
    const content = stream.inner.length === 0 ? unpacked : await this.#packInner(unpacked, stream.inner);
    if (content.length !== stream.contentBytes) throw this.notReproduced(stream.inner);
    const { settings, corrections } = stream;
    const codec = this.#recipe.codecs[stream.codec]!.name;
    try {
      const job = { kind: 'encode', codec, settings, unpacked: content, corrections } as const;
      return (await this.#pool.run(job, [content])).packed;
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      throw invalidPatch(this.#patchName, `a stream cannot be packed with ${codec} as the patch says`, {
        cause: error,
      });
    }
  }

  /** One after the other: what they belong to waits for them anyway. */
  async #packInner(unpacked: Uint8Array, streams: readonly TargetStream[]): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let at = 0;
    for (const stream of streams) {
      const start = at + stream.gapBytes;
      pieces.push(unpacked.subarray(at, start));
      at = start + stream.unpackedBytes;
      pieces.push(await this.pack(unpacked.slice(start, at), stream));
    }
    return Buffer.concat([...pieces, unpacked.subarray(at)]);
  }

  notReproduced(streams: readonly TargetStream[]): OtaError {
    const numbers = [...new Set(streams.map(({ codec }) => codec))];
    const names = numbers
      .map((number) => this.#recipe.codecs[number]!)
      .map(({ name, version }) => `${name} (${version})`);
    return new OtaError(
      'NOT_REPRODUCIBLE',
      `${this.#patchName}: the encoder ${escapeText(names.join(', '))} makes other bytes on this machine than where the patch was made`,
      [
        'Apply the patch on the kind of machine it was made on.',
        'Or use a patch of format otad, which packs nothing again.',
      ],
    );
  }
}
