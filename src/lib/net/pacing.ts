import { setTimeout as sleep } from 'node:timers/promises';

/** Time and chance, as arguments, so that retries and rates are decided the same way in a test. */
export interface Pacing {
  /** Milliseconds that never go back. */
  monotonicMs(): number;
  /** Wall clock, for dates in Retry-After. */
  now(): Date;
  /** Rejects when `signal` is raised. */
  delay(durationMs: number, signal?: AbortSignal): Promise<void>;
  /** From 0 up to, not including, 1. */
  random(): number;
}

export const systemPacing: Pacing = {
  monotonicMs: () => performance.now(),
  now: () => new Date(),
  delay: (durationMs, signal) => sleep(durationMs, undefined, signal ? { signal } : {}),
  random: Math.random,
};
