import { OtaError } from '../core/errors.js';
import { type HttpCredential, isLoopback } from '../net/http-policy.js';

/**
 * The value of the Authorization header for an address; undefined without credentials for it.
 *
 * @throws OtaError CONFIG_INVALID for what cannot be sent, or would travel in clear text; values are not echoed
 * @see RFC 6750, section 2.1 (Bearer); RFC 7617 (Basic)
 */
export function authorizationFor(
  url: URL,
  given: { credential?: HttpCredential | undefined; username?: string | undefined; password?: string | undefined },
): string | undefined {
  const value = basicOf(given.username, given.password) ?? bearerOf(url, given.credential);
  // A secret in clear text is everybody's secret; only this machine itself is exempt.
  if (value !== undefined && url.protocol !== 'https:' && !isLoopback(url.hostname)) {
    throw new OtaError('CONFIG_INVALID', `${url.origin}: credentials are sent over TLS only`, [
      'Use an https:// address.',
    ]);
  }
  return value;
}

function bearerOf(url: URL, credential: HttpCredential | undefined): string | undefined {
  if (credential?.origin !== url.origin) return undefined;
  if (!/^[\x21-\x7e]+$/.test(credential.token)) {
    throw new OtaError('CONFIG_INVALID', `${url.origin}: the token holds a character that an HTTP header cannot carry`);
  }
  return `Bearer ${credential.token}`;
}

function basicOf(username: string | undefined, password: string | undefined): string | undefined {
  if (username === undefined && password === undefined) return undefined;
  if (username === undefined || username.includes(':')) {
    throw new OtaError('CONFIG_INVALID', 'A password needs a user name, and a user name has no colon', ['Give both.']);
  }
  return `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
}
