import { applyPlain } from './apply-plain.js';
import { requireTargetSize } from './bsdiff/patch-header.js';
import type { ApplyDeltaOptions } from './formats.js';
import { inspectPatch } from './inspect-patch.js';

/**
 * Rebuilds the new image from the old one and a patch, in order.
 *
 * Memory does not depend on the size of either image. The last bytes are
 * yielded only after every stream of the patch was found to end with the
 * image; what is yielded of bsdiff's formats is not yet known to be right, so
 * check its SHA-256 before it is used. Of otad only verified chunks are. One for
 * a single slot goes through a temporary file of the size of the image.
 *
 * @yields the image in pieces of at most 256 KiB, `targetSize` bytes in all;
 *   a piece is valid until the next one is asked for
 * @throws OtaError PATCH_INVALID: the patch is for another size, a length or
 *   position is impossible, a stream is damaged, too short or too long, a chunk has another hash;
 *   LIMIT_EXCEEDED: more instructions than the image can need; INTERRUPTED; of `otad-repack` also
 *   TOOL_MISSING, NOT_REPRODUCIBLE, NO_SPACE
 */
export async function* applyDelta(options: ApplyDeltaOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const { format, patch, targetSize } = options;
  if (format !== 'otad-repack') {
    yield* applyPlain(options);
    return;
  }
  const layout = await inspectPatch(format, patch);
  requireTargetSize(layout, targetSize, patch.name);
  const { applyRepacked } = await import('./otad/apply-repacked.js');
  yield* applyRepacked(layout, options);
}
