import { createHash } from 'node:crypto';
import { throwIfAborted, turnForSignals } from '../../core/abort.js';
import type { RandomAccess } from '../../core/random-access.js';
import { OldImage } from '../old-image.js';
import { damagedChunk, invalidPatch } from '../patch-error.js';
import type { BodyReader } from './body.js';
import { bodyReader } from './body-reader.js';
import { ChunkMaker } from './chunk-maker.js';
import type { Control } from './control.js';
import { CHUNK_HASH_BYTES } from './header.js';
import type { OtadLayout } from './otad-layout.js';

/** One chunk of the new image, verified. */
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
  /** The old image, or what opens it; what a chunk needs is read before the chunk is yielded, and not later. */
  base: RandomAccess | ((control: Control) => Promise<RandomAccess>);
  /** Whether a chunk is there already and need not be made; only for patches that are applied in place. */
  isMade?: (number: number) => Promise<boolean>;
  /** What the patch transmits, where the caller watches it being read. */
  body?: BodyReader;
  /** As in `ApplyDeltaOptions`. */
  checkChunks?: boolean;
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
  const { layout, patch, isMade, checkChunks = true, signal } = options;
  const { header } = layout;
  throwIfAborted(signal);
  const body = options.body ?? bodyReader(patch, layout);
  try {
    if (typeof options.base !== 'function') requireBaseSize(options.base, header.baseSize, patch.name);
    const control = await body.control();
    const base = typeof options.base === 'function' ? await options.base(control) : options.base;
    const maker = new ChunkMaker(control, new OldImage(base), body, patch.name, header.reordered);
    const chunkBytes = 2 ** header.chunkBits;
    const buffer = new Uint8Array(Math.min(chunkBytes, header.targetSize));
    for (const [made, number] of control.order.entries()) {
      const at = number * chunkBytes;
      const end = Math.min(at + chunkBytes, header.targetSize);
      const bytes = buffer.subarray(0, end - at);
      if (isMade !== undefined && (await isMade(number))) {
        await maker.skip(bytes, at);
        if (made === control.order.length - 1) await body.requireEnd();
        await turnForSignals(signal);
        continue;
      }
      await maker.make(bytes, at);
      if (checkChunks && !startOfHash(bytes).equals(header.chunkHashes[number]!)) {
        throw damagedChunk(patch.name, base.name, number, at, end);
      }
      if (made === control.order.length - 1) await body.requireEnd(); // before the last chunk makes the image whole
      yield { number, at, bytes };
      await turnForSignals(signal);
    }
    if (control.order.length === 0) await body.requireEnd();
  } finally {
    await body.close();
  }
}

function startOfHash(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest().subarray(0, CHUNK_HASH_BYTES);
}

function requireBaseSize(base: RandomAccess, size: number, patchName: string): void {
  if (base.size === size) return;
  throw invalidPatch(
    patchName,
    `it applies to an image of ${size} bytes, ${base.name} has ${base.size}: this is another base`,
  );
}
