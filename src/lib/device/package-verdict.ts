import { OtaError } from '../core/errors.js';

/** Trust, malformed, policy, limit: the statuses that say something about a package. */
const VERDICTS = new Set<number>([3, 4, 5, 9]);

/**
 * Whether a failure judges the package, so that its download is of no more use. A failure of network or disk, a lock
 * or an interruption does not.
 */
export function isVerdict(error: unknown): boolean {
  return error instanceof OtaError && VERDICTS.has(error.exitCode);
}
