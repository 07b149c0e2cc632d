import { OtaError } from '../core/errors.js';
import type { DeltaFormat } from '../delta/formats.js';
import { matchPlan, usualMemoryBytes } from '../delta/match/match-plan.js';

/** Memory that bsdiff-node takes for each byte of the old image. */
const BSDIFF_NODE_FACTOR = 17;
/** The runtime of a thread, and what coders hold. */
const THREAD_BYTES = 64 * 1024 ** 2;

interface Sizes {
  /** Bytes. */
  baseBytes: number;
  targetBytes: number;
  maxMemoryBytes?: number;
}

/** The most memory that making a delta takes, bytes: what is planned with where several are made at once. */
export function makingMemoryBytes(format: DeltaFormat, { baseBytes, targetBytes, maxMemoryBytes }: Sizes): number {
  if (format === 'bsdiff40') return BSDIFF_NODE_FACTOR * baseBytes + targetBytes;
  return Math.min(usualMemoryBytes(baseBytes) + targetBytes + THREAD_BYTES, maxMemoryBytes ?? Number.POSITIVE_INFINITY);
}

/**
 * Asks, before anything is made, whether a delta can be made in the memory that the user allows.
 *
 * @throws OtaError LIMIT_EXCEEDED with what is needed
 */
export function requireMakingMemory(format: DeltaFormat, sizes: Sizes): void {
  const { baseBytes, targetBytes, maxMemoryBytes } = sizes;
  if (maxMemoryBytes === undefined) return;
  if (format !== 'bsdiff40') {
    matchPlan(baseBytes, targetBytes, maxMemoryBytes);
    return;
  }
  const needed = makingMemoryBytes(format, sizes);
  if (needed <= maxMemoryBytes) return;
  throw new OtaError(
    'LIMIT_EXCEEDED',
    `a bsdiff40 delta from ${baseBytes} bytes needs about ${needed} bytes of memory, --max-memory allows ${maxMemoryBytes}`,
    ['Allow more, or use a format of which there is a cheaper matcher: otad or bsdf2.'],
  );
}
