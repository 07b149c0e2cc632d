import { OtaError } from '../core/errors.js';
import { isLoopback } from '../net/http-policy.js';

/**
 * The address of a fleet server that somebody typed.
 *
 * @param isPlainAllowed somebody decided to send credentials in clear text to another machine
 * @returns without a slash at its end
 * @throws OtaError USAGE, SECRET_IN_ARGV, CONFIG_INVALID for credentials in clear text; what was typed is not repeated where
 *   it may hold a secret
 */
export function parseServerAddress(text: string, { isPlainAllowed = false } = {}): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new OtaError('USAGE', 'the address of the server is none', ['Write http://HOST:PORT or https://HOST.']);
  }
  if (url.username !== '' || url.password !== '') {
    throw new OtaError('SECRET_IN_ARGV', `the address of ${url.host} carries a user name or password`, [
      'Leave it out; `fleet login` asks for it.',
    ]);
  }
  if (url.search !== '' || url.hash !== '') {
    throw new OtaError('USAGE', `the address of ${url.host} has a query or fragment`, [`Write ${url.origin}.`]);
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && !isPlainAllowed) {
    throw new OtaError('CONFIG_INVALID', `${url.origin}: credentials are sent over TLS only`, [
      'Use an https:// address; in a network you trust, add --insecure-http.',
    ]);
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

export const DRIVER_KINDS = ['fleet', 'hawkbit'] as const;
export type DriverKind = (typeof DRIVER_KINDS)[number];

/**
 * The same with what speaks there before it: `hawkbit+https://…`, `fleet+https://…`; a plain address is that of a
 * `fleet serve`.
 *
 * @throws OtaError as `parseServerAddress`
 */
export function parseDriverAddress(
  text: string,
  options: { isPlainAllowed?: boolean } = {},
): { driver: DriverKind; server: string } {
  const [, scheme, rest] = /^([a-z0-9]+)\+(.*)$/is.exec(text) ?? [];
  const driver = DRIVER_KINDS.find((kind) => kind === (scheme ?? 'fleet').toLowerCase());
  if (driver !== undefined) return { driver, server: parseServerAddress(rest ?? text, options) };
  throw new OtaError('USAGE', 'the address of the server begins with a kind of server that is not known', [
    `Write ${DRIVER_KINDS.map((kind) => `${kind}+https://HOST`).join(' or ')}.`,
  ]);
}
