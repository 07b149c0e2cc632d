import { ServerFailure } from '../http/server-failure.js';

/**
 * Row 58 of the refusal catalogue: a flood is answered 429 and told when to come back.
 *
 * @param what   what there are too many of
 * @param waitMs until the next one is let in
 */
export function tooMany(what: string, waitMs: number): ServerFailure {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new ServerFailure(429, 'RATE_LIMITED', `too many ${what}; the next is taken in ${seconds} s`, {
    headers: { 'retry-after': `${seconds}` },
  });
}
