import { OtaError } from '../core/errors.js';
import { contentLength } from './answer.js';
import { AttemptFailure } from './attempt-failure.js';
import { parseContentRange } from './content-range.js';
import type { DownloadTarget, KnownFile } from './download-target.js';
import type { Answer } from './exchange.js';

/** A file of which the beginning is held, and what proves that the rest belongs to it. */
export type Resumable = KnownFile & { etag: string };

/**
 * What `target` holds of `source`, if the server can be asked for the rest of exactly that.
 *
 * @param source the address as it may be printed
 */
export function resumableFrom({ known, size }: DownloadTarget, source: string): Resumable | undefined {
  if (known === undefined || size === 0 || known.source !== source) return undefined;
  const { etag, totalBytes } = known;
  return etag === undefined || size > (totalBytes ?? size) ? undefined : { ...known, etag };
}

/**
 * Request headers that ask for the rest. The server answers 206 with it, or 200 with another file; when nothing is
 * missing, 304 or 200.
 */
export function continuationHeaders({ etag, totalBytes }: Resumable, heldBytes: number): Record<string, string> {
  // A range that starts at the end would be refused (RFC 9110, section 14.1.2), changed file or not.
  return heldBytes === totalBytes ? { 'if-none-match': etag } : { range: `bytes=${heldBytes}-`, 'if-range': etag };
}

/**
 * A 206 must be the rest of exactly what was begun; anything else could splice two files into one.
 *
 * @param asked undefined when the whole was asked for
 * @returns size of the whole, bytes
 * @throws AttemptFailure that starts again
 */
export function checkContinuation(
  { headers }: Answer,
  { asked, heldBytes, source }: { asked: Resumable | undefined; heldBytes: number; source: string },
): number {
  const range = parseContentRange(headers['content-range']);
  if (asked === undefined || range?.totalBytes === undefined) throw anotherPart(source);
  const length = contentLength(headers);
  const { first, last, totalBytes } = range;
  const continues =
    first === heldBytes &&
    last === totalBytes - 1 &&
    (asked.totalBytes ?? totalBytes) === totalBytes &&
    (length ?? totalBytes - first) === totalBytes - first &&
    (headers.etag ?? asked.etag) === asked.etag;
  if (!continues) throw anotherPart(source);
  return totalBytes;
}

/** A 304 must be about what is held: If-None-Match also fits a weak tag (RFC 9110, section 13.1.2). */
export function checkUnchanged({ headers }: Answer, asked: Resumable, source: string): void {
  if ((headers.etag ?? asked.etag) !== asked.etag) throw anotherPart(source);
}

function anotherPart(source: string): AttemptFailure {
  const reason = new OtaError('NETWORK_FAILED', `${source}: the server answered with another part than was asked for`, [
    'Try again; if it stays, tell the operator of the server.',
  ]);
  return new AttemptFailure(reason, { restart: true });
}
