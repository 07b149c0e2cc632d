import type { OtadHeader } from '../otad/header.js';

/**
 * What lies where in the slot of a device that is updated in place, bytes.
 *
 * First the image, the larger of both, in whole blocks; behind it the space: one block for the block in work,
 * then the stash in whole blocks.
 */
export interface SlotLayout {
  blockBytes: number;
  /** Where the space begins, with the place of the block in work. */
  workAt: number;
  stashAt: number;
  /** Where the space ends. */
  endAt: number;
}

export function slotLayout({
  baseSize,
  targetSize,
  chunkBits,
  stashBytes,
}: Pick<OtadHeader, 'baseSize' | 'targetSize' | 'chunkBits' | 'stashBytes'>): SlotLayout {
  const blockBytes = 2 ** chunkBits;
  const whole = (bytes: number) => Math.ceil(bytes / blockBytes) * blockBytes;
  const workAt = whole(Math.max(baseSize, targetSize));
  const stashAt = workAt + blockBytes;
  return { blockBytes, workAt, stashAt, endAt: stashAt + whole(stashBytes) };
}
