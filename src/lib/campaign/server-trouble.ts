import { type ErrorCode, OtaError } from '../core/errors.js';

/** The network, or a server that is too busy or being restarted: it is asked again, as long as it takes. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'NETWORK_FAILED',
  'TLS_FAILED',
  'HTTP_STATUS',
  'DOWNLOAD_TRUNCATED',
  'REDIRECT_REFUSED',
]);

/** Whoever drives the campaign has to do something about it: log in again, restore its journal, or end. */
const OWN: ReadonlySet<ErrorCode> = new Set([
  'AUTHENTICATION_FAILED',
  'PERMISSION_DENIED',
  'STORE_DAMAGED',
  'INTERRUPTED',
  'TERMINATED',
]);

/**
 * What a failure of the server means for a campaign: it `passes`, the server has `forgotten` what was asked for, or it
 * `refuses`. Undefined: it is no trouble with the server, and ends the drive.
 */
export function serverTrouble(error: unknown): 'passes' | 'forgotten' | 'refuses' | undefined {
  if (!(error instanceof OtaError) || OWN.has(error.code)) return undefined;
  if (PASSING.has(error.code)) return 'passes';
  return error.code === 'NOT_FOUND' ? 'forgotten' : 'refuses';
}

const FIRST_DELAY_MS = 2_000;
const LONGEST_DELAY_MS = 5 * 60_000;

/** How long to wait before asking again, milliseconds. @param tries that have failed in a row, from 1 */
export function troubleDelayMs(tries: number, random: number): number {
  const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(tries - 1, 16));
  // Campaigns that were cut off together do not come back together.
  return delayMs * (0.75 + random / 2);
}
