import type { RandomAccess } from '../../core/random-access.js';
import type { ApplyDeltaOptions } from '../formats.js';
import { invalidPatch } from '../patch-error.js';
import { otadChunks } from './otad-chunks.js';
import type { OtadLayout } from './otad-layout.js';

const OUTPUT_BYTES = 256 * 1024;

/**
 * Rebuilds the new image from the old one and an otad patch, in order.
 *
 * @yields pieces, each of a chunk that was verified, unless the caller does that; valid until the next is asked for
 * @throws OtaError as {@link otadChunks}
 */
export async function* applyOtad(
  layout: OtadLayout,
  options: ApplyDeltaOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (layout.format !== 'otad') {
    throw invalidPatch(options.patch.name, `a patch of format ${layout.format} does not make its image in order`);
  }
  yield* inOrder(layout, options.base, options);
}

/**
 * Makes the image of the header, piece by piece.
 *
 * @yields pieces of at most 256 KiB
 */
export async function* inOrder(
  layout: OtadLayout,
  base: RandomAccess,
  { patch, checkChunks, signal }: Pick<ApplyDeltaOptions, 'patch' | 'checkChunks' | 'signal'>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { bytes } of otadChunks({ layout, patch, base, checkChunks, signal })) {
    for (let from = 0; from < bytes.length; from += OUTPUT_BYTES) yield bytes.subarray(from, from + OUTPUT_BYTES);
  }
}
