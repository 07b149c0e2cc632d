import type { Clock } from '../../core/clock.js';

export interface Rate {
  /** So many at once … */
  readonly burst: number;
  /** … and so many a second for ever. */
  readonly perSecond: number;
}

/** Counts by key how often something is done, in the memory of this process. */
export interface RateLimiter {
  /** Counts one. @returns 0 when it may be done, else the milliseconds until it may; then nothing was counted */
  take(key: string): number;
  /** Uncounts one: it turned out not to matter. */
  giveBack(key: string): void;
}

/** Keys remembered. Whoever is able to make this many new ones is limited elsewhere first. */
const MAX_KEYS = 100_000;

/**
 * The generic cell rate algorithm: a bucket that leaks, in one number for each key, namely when it would be empty.
 *
 * @see ITU-T I.371, annex A
 */
export function openRateLimiter({ burst, perSecond }: Rate, clock: Clock, maxKeys = MAX_KEYS): RateLimiter {
  const costMs = 1000 / perSecond;
  const fullMs = burst * costMs;
  /** The first key is the one that was not used for the longest time. */
  const emptyAt = new Map<string, number>();
  return {
    take(key) {
      const now = clock.now().getTime();
      // No bucket is more than full, even when the clock was set back: else it would stay so until the old time comes.
      const level = Math.min(Math.max((emptyAt.get(key) ?? 0) - now, 0), fullMs);
      const waitMs = level + costMs - fullMs;
      if (waitMs > 0) {
        emptyAt.set(key, now + level);
        return waitMs;
      }
      emptyAt.delete(key);
      emptyAt.set(key, now + level + costMs);
      if (emptyAt.size > maxKeys) emptyAt.delete(emptyAt.keys().next().value!);
      return 0;
    },
    giveBack(key) {
      const at = emptyAt.get(key);
      if (at !== undefined) emptyAt.set(key, at - costMs);
    },
  };
}
