import { throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { AttemptFailure } from './attempt-failure.js';
import type { Pacing } from './pacing.js';
import { type RetryLimits, retryDelayMs } from './retry-delay.js';

export interface RepeatOptions {
  limits: RetryLimits;
  pacing: Pacing;
  signal?: AbortSignal | undefined;
  /** Called before the wait for another attempt. */
  beforeRetry?(failure: AttemptFailure): Promise<void>;
}

/**
 * Makes an attempt, and others as long as one fails with an AttemptFailure and any is left.
 *
 * @param attempt gets the number of the attempt, from 1
 * @throws what `attempt` throws; for the last AttemptFailure, or one that asks for too long a wait, its reason
 */
export async function repeatAttempts<T>(attempt: (number: number) => Promise<T>, options: RepeatOptions): Promise<T> {
  const { limits, pacing, signal } = options;
  for (let number = 1; ; number++) {
    try {
      return await attempt(number);
    } catch (failure) {
      if (!(failure instanceof AttemptFailure)) throw failure;
      if (number >= limits.attempts) throw exhausted(failure.reason, number);
      if ((failure.retryAfterMs ?? 0) > limits.retryAfterLimitMs) throw failure.reason;
      await options.beforeRetry?.(failure);
      await pause(retryDelayMs(number, failure.retryAfterMs, limits, pacing), pacing, signal);
    }
  }
}

async function pause(durationMs: number, pacing: Pacing, signal: AbortSignal | undefined): Promise<void> {
  try {
    await pacing.delay(durationMs, signal);
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}

function exhausted(reason: OtaError, attempts: number): OtaError {
  return new OtaError(reason.code, `${reason.message} (attempt ${attempts} of ${attempts})`, reason.suggestions);
}
