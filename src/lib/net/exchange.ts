import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { type Dispatcher, request } from 'undici';
import { throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { connectionFailure } from './attempt-failure.js';
import type { HttpCredential } from './http-policy.js';
import { printableUrl } from './source-url.js';

/** The final answer to a GET, its body not read yet. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Readable;
}

export interface ExchangeOptions {
  dispatcher: Dispatcher;
  headers: Record<string, string>;
  credential?: HttpCredential | undefined;
  /** Redirects to follow at most. */
  redirects: number;
  /** Refuse redirects to another origin: whoever answers there must not be able to send us elsewhere. */
  staysAtOrigin?: boolean;
  signal?: AbortSignal | undefined;
}

/** Interim answers (103 Early Hints and the like) before the final one, at most: each starts the wait for it again. */
const MAX_INTERIM_ANSWERS = 16;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Sends a GET and follows its redirects.
 *
 * @throws OtaError REDIRECT_REFUSED, TLS_FAILED, NETWORK_FAILED, or what `signal` was raised with
 * @throws AttemptFailure for what another attempt may mend
 */
export async function exchange(start: URL, options: ExchangeOptions): Promise<Answer> {
  let url = start;
  let leftOrigin = false;
  for (let followed = 0; ; followed++) {
    leftOrigin ||= url.origin !== start.origin;
    const answer = await send(url, options, !leftOrigin);
    if (!REDIRECTS.has(answer.status)) return answer;
    answer.body.destroy();
    if (followed === options.redirects) throw refused(start, `it was redirected more than ${options.redirects} times`);
    url = redirectTarget(url, answer.headers.location, start);
    if (options.staysAtOrigin && url.origin !== start.origin) {
      throw refused(start, `it was redirected to another origin (${printableUrl(url)})`);
    }
  }
}

async function send(url: URL, options: ExchangeOptions, mayCarryCredential: boolean): Promise<Answer> {
  const { dispatcher, credential, signal } = options;
  throwIfAborted(signal);
  const headers: Record<string, string> = { ...options.headers };
  // Another origin, even one that redirects back, never sees the credential.
  if (mayCarryCredential && credential?.origin === url.origin) headers.authorization = `Bearer ${credential.token}`;
  let interimAnswers = 0;
  const onInfo = () => {
    if (++interimAnswers > MAX_INTERIM_ANSWERS) throw endlessInterim(url);
  };
  try {
    const asked = { dispatcher, headers, signal: signal ?? null, onInfo };
    const { statusCode, headers: received, body } = await request(url, asked);
    body.on('error', () => undefined); // told to whoever reads it; nobody reads the body of a redirect
    return { status: statusCode, headers: received, body };
  } catch (error) {
    throwIfAborted(signal);
    throw error instanceof OtaError ? error : connectionFailure(error, printableUrl(url));
  }
}

function endlessInterim(url: URL): OtaError {
  const fact = `more than ${MAX_INTERIM_ANSWERS} interim answers, and no final one`;
  return new OtaError('NETWORK_FAILED', `${printableUrl(url)}: the server sent ${fact}`, [
    'Try again; if it stays, tell the operator of the server.',
  ]);
}

function redirectTarget(from: URL, location: string | undefined, start: URL): URL {
  const to = location === undefined ? null : URL.parse(location, from.href);
  if (to === null) throw refused(start, 'it was redirected without a usable address');
  if (to.protocol !== 'https:' && to.protocol !== 'http:') throw refused(start, `it was redirected to ${to.protocol}`);
  // Whoever can cut TLS out of the path can change every byte.
  if (from.protocol === 'https:' && to.protocol === 'http:') {
    throw refused(start, `it was redirected from https to http (${printableUrl(to)})`);
  }
  if (to.username !== '' || to.password !== '') throw refused(start, 'it was redirected to an address with a password');
  return to;
}

function refused(start: URL, fact: string): OtaError {
  return new OtaError('REDIRECT_REFUSED', `${printableUrl(start)}: ${fact}`, [
    'Ask for the final address and use that one, or tell the operator of the server.',
  ]);
}
