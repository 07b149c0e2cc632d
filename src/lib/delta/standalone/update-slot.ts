import { region } from '../../core/file-access.js';
import type { RandomAccess } from '../../core/random-access.js';
import { applyInPlace, slotBytes } from '../inplace/apply-in-place.js';
import { openStorage } from '../storage.js';
import type { ApplyOptions } from './options.js';
import { requireTarget, verifiedBase } from './verify-images.js';
import type { WrittenImage } from './write-image.js';

/**
 * Updates an image in its place. A file that is shorter than the images and the space behind them grows.
 *
 * With `resume`, what is there may already be partly the new image: then only the hashes of the patch tell
 * whether it is the right one.
 */
export async function updateSlot(
  options: ApplyOptions,
  patch: RandomAccess,
  signal: AbortSignal,
): Promise<WrittenImage> {
  const { outPath, targetSize, targetSha256, resume } = options;
  await using slot = await openStorage(outPath, 'write');
  if (!resume) await verifiedBase(options, patch, slot, signal);
  const neededBytes = await slotBytes(patch);
  if (!slot.isBlockDevice && slot.size < neededBytes) await slot.resize(neededBytes);
  const written = await applyInPlace({ patch, device: slot, targetSize, signal });
  await requireTarget(region(slot, slot.name, 0, targetSize), targetSha256, signal);
  return written;
}
