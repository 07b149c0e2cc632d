import { OtaError } from '../core/errors.js';
import { type HttpCredential, isLoopback } from '../net/http-policy.js';

/** Tells what a variable of the environment holds; undefined: nothing, or this is no place where campaigns have secrets. */
export type Secrets = (name: string) => string | undefined;

/**
 * The token that a plan names, for one origin.
 *
 * @throws OtaError CONFIG_INVALID: it is not there, cannot be sent, or would be sent in clear text; never with the token
 */
export function bearerToken(url: URL, variable: string, secrets: Secrets | undefined): HttpCredential {
  const token = secrets?.(variable);
  if (!token) {
    throw new OtaError('CONFIG_INVALID', `${variable}, which holds the token for ${url.origin}, is not set here`, [
      `Set ${variable} where the campaign runs; a campaign in a server has no such variables.`,
    ]);
  }
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new OtaError('CONFIG_INVALID', `${variable} holds a character that an HTTP header cannot carry`);
  }
  if (url.protocol !== 'https:' && !isLoopback(url.hostname)) {
    throw new OtaError('CONFIG_INVALID', `the token of ${variable} would be sent to ${url.origin} in clear text`, [
      'Use an https:// address.',
    ]);
  }
  return { origin: url.origin, token };
}
