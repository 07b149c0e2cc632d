import type { IncomingHttpHeaders } from 'node:http';
import { formatByteSize } from '../core/byte-size.js';
import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { AttemptFailure } from './attempt-failure.js';
import { retryAfterMs } from './retry-delay.js';

const TRANSIENT_STATUSES = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Throws for every status but 200 and 206. `source` is the address as it may be printed. */
export function checkStatus(status: number, headers: IncomingHttpHeaders, source: string, now: Date): void {
  if (status === 200 || status === 206) return;
  if (status === 404 || status === 410) {
    throw new OtaError('NOT_FOUND', `${source}: the server has no such file (${status})`, ['Check the address.']);
  }
  if (status === 401 || status === 403) {
    throw new OtaError('PERMISSION_DENIED', `${source}: the server refuses access (${status})`, [
      'Set OTA_HTTP_TOKEN, and OTA_HTTP_TOKEN_ORIGIN to the origin that may see it.',
    ]);
  }
  const reason = new OtaError('HTTP_STATUS', `${source}: the server answered ${status}, 200 was expected`, [
    'Try again later, or ask the operator of the server.',
  ]);
  // 416: what we hold is no prefix of what the server has now.
  if (status === 416) throw new AttemptFailure(reason, { restart: true });
  if (!TRANSIENT_STATUSES.has(status)) throw reason;
  throw new AttemptFailure(reason, { retryAfterMs: retryAfterMs(headers['retry-after'], now) });
}

/** Throws when the body is not the file itself, byte for byte, or its end could not be told from a cut connection. */
export function checkFraming(headers: IncomingHttpHeaders, source: string): void {
  const coding = headers['content-encoding']?.toLowerCase();
  if (coding !== undefined && coding !== 'identity' && coding !== '') {
    throw new OtaError('NETWORK_FAILED', `${source}: the server sent the file encoded, though identity was asked for`, [
      'Turn compression off for this file at the server.',
    ]);
  }
  const framed =
    headers['content-length'] !== undefined ||
    headers['transfer-encoding'] !== undefined ||
    headers['repr-digest'] !== undefined;
  if (!framed) {
    throw new OtaError('NETWORK_FAILED', `${source}: the server does not tell the size, so a cut would go unnoticed`, [
      'Serve the file with Content-Length or by HTTP/1.1 chunks.',
    ]);
  }
}

/** What Content-Length promises for the body of this answer, bytes. */
export function contentLength(headers: IncomingHttpHeaders): number | undefined {
  const header = headers['content-length'];
  return header !== undefined && /^\d{1,16}$/.test(header) ? Number(header) : undefined;
}

/** A strong entity tag (RFC 9110, section 8.8.3) of printable ASCII that can be sent back and stored. */
export const STRONG_ETAG = /^"[\x21\x23-\x7e]{0,256}"$/;

/** A validator that Range resume may rely on (RFC 9110, section 13.1.5): a strong ETag. */
export function strongEtag(headers: IncomingHttpHeaders): string | undefined {
  const { etag } = headers;
  return etag !== undefined && STRONG_ETAG.test(etag) ? etag : undefined;
}

/** `source` may come from outside: a path or a name. */
export function overLimit(source: string, maxBytes: number): OtaError {
  return new OtaError(
    'LIMIT_EXCEEDED',
    `${escapeText(source)}: more than ${formatByteSize(maxBytes)}, the limit for this input`,
    ['Check that the right file was named.'],
  );
}
