import type { IncomingMessage } from 'node:http';
import { ServerFailure } from './server-failure.js';

/**
 * Row 60 of the refusal catalogue: no page of another site changes anything.
 *
 * There are no cookies that a browser would send along, but it does send a name and password that were typed into its own
 * prompt. Browsers say where a request comes from: `Sec-Fetch-Site`, older ones `Origin`. Other clients send neither.
 *
 * @throws ServerFailure 403
 * @see Fetch Metadata Request Headers (W3C); RFC 6454, section 7
 */
export function refuseCrossSite({ method = '', headers }: IncomingMessage): void {
  if (method === 'GET' || method === 'HEAD') return;
  const site = headers['sec-fetch-site'];
  const { origin, host } = headers;
  const isForeign =
    site === undefined
      ? origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host)
      : site !== 'same-origin' && site !== 'none';
  if (isForeign) throw new ServerFailure(403, 'CROSS_SITE', 'the request comes from a page of another site');
}
