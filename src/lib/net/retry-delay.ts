import type { Pacing } from './pacing.js';

export interface RetryLimits {
  /** Attempts in all, the first one included. */
  attempts: number;
  /** Upper bound of the first delay between two attempts, milliseconds; it doubles from one to the next. */
  retryDelayMs: number;
  /** Longest delay, also when a server asks for one with Retry-After, milliseconds. */
  retryAfterLimitMs: number;
}

/**
 * Milliseconds to wait before the next attempt: what the server asked for, else exponential back-off with full jitter,
 * so that a fleet of CI jobs does not return in step.
 *
 * @param attempt the attempt that failed, from 1
 */
export function retryDelayMs(
  attempt: number,
  askedMs: number | undefined,
  limits: RetryLimits,
  pacing: Pacing,
): number {
  const longestMs = Math.min(limits.retryDelayMs * 2 ** (attempt - 1), limits.retryAfterLimitMs);
  return askedMs ?? Math.floor(pacing.random() * longestMs);
}

/** A Retry-After header (RFC 9110, section 10.2.3) in milliseconds from `now`; undefined when absent or unreadable. */
export function retryAfterMs(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}
