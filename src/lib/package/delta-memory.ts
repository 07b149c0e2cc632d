import { matchPlan, usualMemoryBytes } from '../delta/match/match-plan.js';

/** The runtime of a thread, and what coders hold. */
const THREAD_BYTES = 64 * 1024 ** 2;

interface Sizes {
  /** Bytes. */
  baseBytes: number;
  targetBytes: number;
  maxMemoryBytes?: number;
}

/** The most memory that making a delta takes, bytes: what is planned with where several are made at once. */
export function makingMemoryBytes({ baseBytes, targetBytes, maxMemoryBytes }: Sizes): number {
  return Math.min(usualMemoryBytes(baseBytes) + targetBytes + THREAD_BYTES, maxMemoryBytes ?? Number.POSITIVE_INFINITY);
}

/**
 * Asks, before anything is made, whether a delta can be made in the memory that the user allows.
 *
 * @throws OtaError LIMIT_EXCEEDED with what is needed
 */
export function requireMakingMemory({ baseBytes, targetBytes, maxMemoryBytes }: Sizes): void {
  if (maxMemoryBytes !== undefined) matchPlan(baseBytes, targetBytes, maxMemoryBytes);
}
