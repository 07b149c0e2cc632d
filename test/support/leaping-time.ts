import { setImmediate } from 'node:timers/promises';
import type { Pacing } from '../../src/lib/net/pacing.js';

/**
 * Time that leaps to the end of every delay: hours of a fleet in a moment, while everything else is real. What it is
 * handed to must not expect that real work gets done within a delay.
 */
export function leapingTime(startMs = Date.UTC(2026, 10, 29)): Pacing {
  let nowMs = 0;
  return {
    monotonicMs: () => nowMs,
    now: () => new Date(startMs + nowMs),
    delay: async (durationMs, signal) => {
      const untilMs = nowMs + durationMs;
      await setImmediate();
      signal?.throwIfAborted();
      nowMs = Math.max(nowMs, untilMs);
    },
    random: () => 0.5,
  };
}
