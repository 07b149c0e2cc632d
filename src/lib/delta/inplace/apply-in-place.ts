import type { RandomAccess } from '../../core/random-access.js';
import { requireTargetSize } from '../bsdiff/patch-header.js';
import { otadChunks } from '../otad/otad-chunks.js';
import { otadLayout } from '../otad/otad-layout.js';
import type { InPlaceDevice } from './in-place-device.js';
import { slotLayout } from './slot-layout.js';
import { SlotUpdate } from './slot-update.js';

/** How many bytes a slot has to have for the update: the images, and the space behind them. */
export async function slotBytes(patch: RandomAccess): Promise<number> {
  const { header } = await otadLayout('otad-inplace', patch);
  return slotLayout(header).endAt;
}

/** How many of them lie behind the images. */
export async function spaceBytes(patch: RandomAccess): Promise<number> {
  const { header } = await otadLayout('otad-inplace', patch);
  const { workAt, endAt } = slotLayout(header);
  return endAt - workAt;
}

export interface ApplyInPlaceOptions {
  patch: RandomAccess;
  /** Holds the old image, or what an update with the same patch that was cut has left. */
  device: InPlaceDevice;
  /** The size that signed metadata promises for the new image, bytes. */
  targetSize: number;
  signal?: AbortSignal | undefined;
}

/**
 * Turns the image in a slot into the new one, block by block. After a power cut at any moment, run it again:
 * it goes on where it was. Only blocks that were verified are written; the patch is read once, front to back.
 *
 * @returns bytes of blocks that were made, and of those that were right already
 * @throws OtaError PATCH_INVALID, BASE_MISMATCH: the slot holds another image; DOES_NOT_FIT; IO_FAILED;
 *   INTERRUPTED, TERMINATED between two blocks
 */
export async function applyInPlace({
  patch,
  device,
  targetSize,
  signal,
}: ApplyInPlaceOptions): Promise<{ writtenBytes: number; keptBytes: number }> {
  const layout = await otadLayout('otad-inplace', patch);
  requireTargetSize(layout, targetSize, patch.name);
  let writtenBytes = 0;
  let update: SlotUpdate | undefined;
  const chunks = otadChunks({
    layout,
    patch,
    ...(signal === undefined ? {} : { signal }),
    base: (control) => {
      update = new SlotUpdate(layout.header, device, control);
      return update.begin();
    },
    isMade: (number) => update!.isMade(number),
  });
  for await (const { number, bytes } of chunks) {
    await update!.put(number, bytes);
    writtenBytes += bytes.length;
  }
  return { writtenBytes, keptBytes: targetSize - writtenBytes };
}
