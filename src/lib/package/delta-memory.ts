import type { DeltaFormat } from '../delta/formats.js';

/** Memory that bsdiff-node takes for each byte of the old image. */
const BSDIFF_NODE_FACTOR = 17;
const FACTOR = 6;
const FIXED_BYTES = 64 * 1024 ** 2;

/** The most memory that making a delta takes, bytes: what is planned with, where several are made at once. */
export function makingMemoryBytes(
  format: DeltaFormat,
  {
    baseBytes,
    targetBytes,
    maxMemoryBytes = Number.POSITIVE_INFINITY,
  }: { baseBytes: number; targetBytes: number; maxMemoryBytes?: number },
): number {
  const factor = format === 'bsdiff40' ? BSDIFF_NODE_FACTOR : FACTOR;
  return Math.min(factor * baseBytes + targetBytes + FIXED_BYTES, maxMemoryBytes);
}
