import { createHash } from 'node:crypto';
import { throwIfAborted } from '../../core/abort.js';
import type { RandomAccess } from '../../core/random-access.js';
import { OLD_PAGE_BYTES, OldImage } from '../old-image.js';
import { damagedChunk, invalidPatch } from '../patch-error.js';
import { blocksBetween, gapsBetween } from './blocks.js';
import type { BodyReader } from './body.js';
import { ByteBodyReader } from './byte-body-reader.js';
import type { Control } from './control.js';
import { CHUNK_HASH_BYTES } from './header.js';
import type { OtadLayout } from './otad-layout.js';

/** One verified chunk of the new image. */
export interface MadeChunk {
  number: number;
  /** First byte in the new image. */
  at: number;
  /** Valid until the next chunk is asked for. */
  bytes: Uint8Array;
}

export interface OtadChunksOptions {
  layout: OtadLayout;
  patch: RandomAccess;
  /** The old image; what a chunk needs of it is read before the chunk is yielded, and not later. */
  base: RandomAccess;
  signal?: AbortSignal;
}

/**
 * Makes the chunks of the new image, in the order in which the patch has them.
 *
 * A chunk is yielded only after its hash was found right, so whoever writes over the old image never
 * writes a wrong byte. The patch is read once, from front to back.
 *
 * @throws OtaError PATCH_INVALID: another base or a damaged patch, found by the hash of a chunk; whatever is
 *   impossible in the body; LIMIT_EXCEEDED; INTERRUPTED, TERMINATED
 */
export async function* otadChunks(options: OtadChunksOptions): AsyncGenerator<MadeChunk, void, undefined> {
  const { layout, patch, base, signal } = options;
  const { header } = layout;
  if (base.size !== header.baseSize) {
    throw invalidPatch(
      patch.name,
      `it applies to an image of ${header.baseSize} bytes, ${base.name} has ${base.size}: this is another base`,
    );
  }
  throwIfAborted(signal);
  const body: BodyReader = new ByteBodyReader(patch, header, layout.body);
  try {
    const control = await body.control();
    const old = new OldImage(base);
    const chunkBytes = 2 ** header.chunkBits;
    const buffer = new Uint8Array(Math.min(chunkBytes, header.targetSize));
    for (const [made, number] of control.order.entries()) {
      const at = number * chunkBytes;
      const end = Math.min(at + chunkBytes, header.targetSize);
      const bytes = buffer.subarray(0, end - at);
      await makeChunk(bytes, at, { control, old, body });
      const hash = createHash('sha256').update(bytes).digest().subarray(0, CHUNK_HASH_BYTES);
      if (!hash.equals(header.chunkHashes[number]!)) throw damagedChunk(patch.name, base.name, number, at, end);
      if (made === control.order.length - 1) await body.requireEnd(); // before the last chunk makes the image whole
      yield { number, at, bytes };
      throwIfAborted(signal);
    }
    if (control.order.length === 0) await body.requireEnd();
  } finally {
    await body.close();
  }
}

interface ChunkParts {
  control: Control;
  old: OldImage;
  body: BodyReader;
}

/** Fills `bytes` with the chunk of the new image from `at` on. */
async function makeChunk(bytes: Uint8Array, at: number, { control, old, body }: ChunkParts): Promise<void> {
  const end = at + bytes.length;
  for (const { newAt, oldAt, length } of blocksBetween(control.covers, at, end)) {
    await copyOld(old, oldAt, bytes.subarray(newAt - at, newAt - at + length));
    await body.correct(bytes, newAt - at, length, 0);
  }
  for (const [start, gapEnd] of gapsBetween(control.covers, at, end)) {
    await body.extra(bytes, start - at, gapEnd - start);
  }
}

async function copyOld(old: OldImage, position: number, into: Uint8Array): Promise<void> {
  for (let copied = 0; copied < into.length; ) {
    const from = position + copied;
    const page = old.heldPage(from) ?? (await old.loadPage(from));
    const part = page.subarray(from % OLD_PAGE_BYTES).subarray(0, into.length - copied);
    into.set(part, copied);
    copied += part.length;
  }
}
