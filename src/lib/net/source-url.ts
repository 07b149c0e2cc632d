import { OtaError } from '../core/errors.js';

/** Whether an input's name is an address rather than a path. */
export function isAddress(spec: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(spec);
}

/**
 * An http or https address a person typed.
 *
 * @throws OtaError SECRET_IN_ARGV when it carries a user or a password, USAGE when it is no http(s) address;
 *   neither message repeats what was typed
 */
export function parseSourceUrl(spec: string): URL {
  const url = URL.parse(spec);
  if (url === null) throw new OtaError('USAGE', 'The address of an input is not a valid URL', ['Check its spelling.']);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new OtaError('USAGE', `Inputs are read over http and https, not over ${url.protocol.slice(0, -1)}`, [
      'Use an https:// address, a path, or - for stdin.',
    ]);
  }
  // Arguments are visible to every process of the machine and end up in logs of CI jobs.
  if (url.username !== '' || url.password !== '') {
    throw new OtaError('SECRET_IN_ARGV', `The address of ${url.host} carries a user name or password`, [
      `Remove it from the address; set OTA_HTTP_TOKEN and OTA_HTTP_TOKEN_ORIGIN=${url.origin} instead.`,
    ]);
  }
  url.hash = '';
  return url;
}

/** An address as it may be printed: the query of a presigned link is a secret. */
export function printableUrl(url: URL): string {
  return `${url.origin}${url.pathname}${url.search === '' ? '' : '?…'}`;
}
