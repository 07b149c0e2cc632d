import { region } from '../../core/file-access.js';
import type { RandomAccess } from '../../core/random-access.js';
import { applyInPlace, slotBytes } from '../inplace/apply-in-place.js';
import type { InPlaceDevice } from '../inplace/in-place-device.js';
import { openStorage, type Storage } from '../storage.js';
import type { ApplyOptions } from './options.js';
import { requireTarget, verifiedBase } from './verify-images.js';
import type { WrittenImage } from './write-image.js';

/**
 * Updates an image in its place. A file that is shorter than the images and the space behind them grows, once the
 * first verified bytes are written.
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
  const device = slot.isBlockDevice ? slot : growingSlot(slot, neededBytes);
  const written = await applyInPlace({ patch, device, targetSize, signal });
  await requireTarget(region(slot, slot.name, 0, targetSize), targetSha256, signal);
  return written;
}

/** A file as if it had its size already: what it lacks is read as zeros, until something is written. */
function growingSlot(file: Storage, size: number): InPlaceDevice {
  return {
    name: file.name,
    size: Math.max(file.size, size),
    read: async (into, position) => {
      const length = Math.max(0, Math.min(into.byteLength, size - position));
      const got = await file.read(into, position);
      into.fill(0, got, Math.max(got, length));
      return Math.max(got, length);
    },
    write: async (bytes, position) => {
      if (file.size < size) await file.resize(size);
      await file.write(bytes, position);
    },
    sync: () => file.sync(),
  };
}
