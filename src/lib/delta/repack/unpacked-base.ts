import { throwIfAborted } from '../../core/abort.js';
import { chunksOf, region } from '../../core/file-access.js';
import type { RandomAccess } from '../../core/random-access.js';
import { ResourceStack } from '../../core/resource-stack.js';
import { invalidPatch } from '../patch-error.js';
import { readExactly } from '../read-exactly.js';
import { batches } from './batches.js';
import { CodecError, CodecPool } from './codec-pool.js';
import { requireCodecs } from './codecs.js';
import { freeBytes } from './free-bytes.js';
import type { ProvenStreams } from './proven-streams.js';
import type { BaseStream, Recipe } from './recipe.js';
import { unpackedSize } from './recipe-reader.js';
import { openScratchStorage } from './scratch-storage.js';

/** An old image, unpacked. Disposal removes it. */
export type UnpackedBase = RandomAccess & AsyncDisposable;

export interface RepackOptions {
  patchName: string;
  signal?: AbortSignal | undefined;
  /** In the proof of a fresh patch: streams that need not be packed once more. */
  proven?: ProvenStreams | undefined;
}

/**
 * Unpacks the old image as a recipe says, into memory or a temporary file.
 *
 * @param base whose hash was checked
 * @throws OtaError TOOL_MISSING for a codec that is not here; PATCH_INVALID when a stream does not unpack as the
 *   recipe says; IO_FAILED, NO_SPACE, INTERRUPTED, TERMINATED
 */
export async function openUnpackedBase(
  recipe: Recipe,
  base: RandomAccess,
  { patchName, signal }: RepackOptions,
): Promise<UnpackedBase> {
  await requireCodecs(recipe.codecs, patchName);
  await using resources = new ResourceStack();
  await using pool = new CodecPool();
  const storage = resources.use(await openScratchStorage(unpackedSize(recipe.base, base.size)));
  const unpacker = new BaseUnpacker(recipe, pool, patchName);
  const copyTo = async (from: number, to: number) => {
    for await (const chunk of chunksOf(region(base, base.name, from, to - from), { signal: signal! })) {
      await storage.append(chunk);
    }
  };
  let at = 0;
  for (const batch of batches(recipe.base)) {
    throwIfAborted(signal);
    let streamAt = at;
    const opened = batch.map(async (stream) => {
      streamAt += stream.gapBytes;
      const start = streamAt;
      streamAt += stream.packedBytes;
      const packed = new Uint8Array(stream.packedBytes);
      await readExactly(base, packed, start);
      return unpacker.unpack(packed, stream);
    });
    const contents = await Promise.all(opened);
    for (const [i, { gapBytes, packedBytes }] of batch.entries()) {
      await copyTo(at, at + gapBytes);
      await storage.append(contents[i]!);
      freeBytes(contents[i]!);
      at += gapBytes + packedBytes;
    }
  }
  await copyTo(at, base.size);
  const moved = resources.move();
  return Object.assign(storage.access(base.name), { [Symbol.asyncDispose]: () => moved[Symbol.asyncDispose]() });
}

class BaseUnpacker {
  readonly #recipe: Recipe;
  readonly #pool: CodecPool;
  readonly #patchName: string;

  constructor(recipe: Recipe, pool: CodecPool, patchName: string) {
    this.#recipe = recipe;
    this.#pool = pool;
    this.#patchName = patchName;
  }

  async unpack(packed: Uint8Array, stream: BaseStream): Promise<Uint8Array> {
    const content = await this.#decode(packed, stream);
    if (stream.inner.length === 0) return content;
    const pieces: Uint8Array[] = [];
    let at = 0;
    for (const inner of stream.inner) {
      const start = at + inner.gapBytes;
      pieces.push(content.subarray(at, start));
      at = start + inner.packedBytes;
      pieces.push(await this.unpack(content.slice(start, at), inner));
    }
    return Buffer.concat([...pieces, content.subarray(at)]);
  }

  async #decode(packed: Uint8Array, { codec: number, contentBytes, packedBytes }: BaseStream): Promise<Uint8Array> {
    const codec = this.#recipe.codecs[number]!.name;
    try {
      const decoded = await this.#pool.run({ kind: 'decode', codec, packed, maxBytes: contentBytes }, [packed]);
      if (decoded.unpacked.length === contentBytes && decoded.packedBytes === packedBytes) return decoded.unpacked;
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
    }
    throw invalidPatch(
      this.#patchName,
      `the old image holds no ${codec} stream of ${packedBytes} bytes that unpacks to ${contentBytes} where the patch says so`,
    );
  }
}
