import { applyBsdiff } from './bsdiff/apply-bsdiff.js';
import { requireTargetSize } from './bsdiff/patch-header.js';
import type { ApplyDeltaOptions } from './formats.js';
import { inspectPatch } from './inspect-patch.js';
import { applyOtad } from './otad/apply-otad.js';
import { applyReordered } from './otad/apply-reordered.js';
import { isOtad } from './otad/otad-layout.js';

/**
 * As `applyDelta`, for devices: without the encoders that `otad-repack` needs.
 *
 * @throws OtaError as `applyDelta`; PATCH_INVALID for patches of `otad-repack`
 */
export async function* applyPlain(options: ApplyDeltaOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const { format, patch, targetSize } = options;
  if (isOtad(format)) {
    const layout = await inspectPatch(format, patch);
    requireTargetSize(layout, targetSize, patch.name);
    yield* layout.header.reordered ? applyReordered(layout, options) : applyOtad(layout, options);
  } else {
    const layout = await inspectPatch(format, patch);
    requireTargetSize(layout, targetSize, patch.name);
    yield* applyBsdiff(layout, options);
  }
}
