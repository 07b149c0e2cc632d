import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, request } from 'undici';
import { abortError, throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { AttemptFailure, connectionFailure } from '../net/attempt-failure.js';
import { openDispatcher } from '../net/dispatcher.js';
import { type HttpLimits, type HttpPolicy, limitsOf } from '../net/http-policy.js';
import { type Pacing, systemPacing } from '../net/pacing.js';
import { repeatAttempts } from '../net/repeated-attempts.js';
import { retryAfterMs } from '../net/retry-delay.js';
import { printableUrl } from '../net/source-url.js';
import type { HttpEndpoint } from './endpoint.js';
import { authorizationFor } from './http-credentials.js';
import { type PostBatch, postBatches } from './post-batch.js';
import type { AcceptedMessages, Sink } from './sink.js';

export interface HttpSinkOptions {
  /** Proxies, certificate authority, token and limits, as for downloads. */
  policy?: HttpPolicy | undefined;
  /** Basic authentication, instead of the policy's token. */
  username?: string | undefined;
  password?: string | undefined;
  /** Longest time for one request in all, milliseconds. */
  requestTimeoutMs?: number | undefined;
  pacing?: Pacing | undefined;
  /** Told before each wait for another attempt. */
  onWarning?(code: string, message: string): void;
}

const REQUEST_TIMEOUT_MS = 120_000;
/** More patient than a download: a server that is restarted is away for a minute. */
const ATTEMPTS = 10;
/** Of an answer's body, which says nothing that is needed here; read so that the connection can be used again. */
const ANSWER_BYTES = 64 * 1024;

/**
 * Posts batches of NDJSON, one request after the other. A write resolves when the server has answered each of them
 * with 2xx: at least once, since an answer may get lost after the server has taken the batch.
 *
 * A batch has an `Idempotency-Key`, made of its message ids: the same for every attempt. A run that goes on
 * after a crash may divide the messages otherwise; the ids in them stay what to go by.
 *
 * @throws OtaError CONFIG_INVALID for credentials that would travel in clear text, or unusable PEM files
 * @see draft-ietf-httpapi-idempotency-key-header
 */
export async function openHttpSink({ url }: HttpEndpoint, options: HttpSinkOptions = {}): Promise<Sink> {
  const { policy = {}, username, password } = options;
  const authorization = authorizationFor(url, { credential: policy.credential, username, password });
  return new HttpSink({
    url,
    name: printableUrl(url),
    authorization,
    dispatcher: await openDispatcher(policy),
    limits: { ...limitsOf(policy), attempts: policy.limits?.attempts ?? ATTEMPTS },
    pacing: options.pacing ?? systemPacing,
    requestTimeoutMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    onWarning: (code, message) => options.onWarning?.(code, message),
  });
}

interface Server {
  readonly url: URL;
  /** As it may be printed and kept. */
  readonly name: string;
  readonly authorization: string | undefined;
  readonly dispatcher: Dispatcher;
  readonly limits: HttpLimits;
  readonly pacing: Pacing;
  readonly requestTimeoutMs: number;
  onWarning(code: string, message: string): void;
}

class HttpSink implements Sink {
  readonly id: string;
  readonly guarantee = 'at-least-once';
  readonly #server: Server;
  #failure: unknown;

  constructor(server: Server) {
    this.id = server.name;
    this.#server = server;
  }

  async write(messages: AcceptedMessages, _input: unknown, signal: AbortSignal): Promise<undefined> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      for (const batch of postBatches(messages)) await this.#post(batch, signal);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#server.dispatcher.destroy();
  }

  /** In halves where the server finds it too large as a whole. */
  async #post(batch: PostBatch, signal: AbortSignal): Promise<void> {
    const { limits, pacing, onWarning } = this.#server;
    const status = await repeatAttempts((attempt) => this.#postOnce(batch, attempt, signal), {
      limits,
      pacing,
      signal,
      beforeRetry: async ({ reason }) => onWarning('POST_RETRIED', `${reason.message}; trying again`),
    });
    if (status !== 413) return;
    if (batch.count === 1) throw refused(this.#server.name, status);
    for (const half of batch.halves()) await this.#post(half, signal);
  }

  async #postOnce(batch: PostBatch, attempt: number, signal: AbortSignal): Promise<number> {
    const { name, pacing } = this.#server;
    const { status, headers } = await this.#exchange(batch, signal);
    if ((status >= 200 && status < 300) || status === 413) return status;
    const isBusy = status === 408 || status === 425 || status === 429 || status >= 500;
    // 409: by the draft on Idempotency-Key, the server still works on the attempt before this one.
    if (isBusy || (status === 409 && attempt > 1)) {
      const askedMs = retryAfterMs(headers['retry-after'], pacing.now());
      throw new AttemptFailure(refused(name, status), { retryAfterMs: askedMs });
    }
    throw refused(name, status);
  }

  async #exchange(batch: PostBatch, signal: AbortSignal): Promise<{ status: number; headers: IncomingHttpHeaders }> {
    const { url, name, authorization, dispatcher, requestTimeoutMs } = this.#server;
    throwIfAborted(signal);
    const timeout = AbortSignal.timeout(requestTimeoutMs);
    try {
      const { statusCode, headers, body } = await request(url, {
        method: 'POST',
        dispatcher,
        headers: {
          'content-type': 'application/x-ndjson',
          'idempotency-key': `"${batch.key}"`,
          'user-agent': 'ota-fleet',
          ...(authorization === undefined ? {} : { authorization }),
        },
        body: batch.body,
        signal: AbortSignal.any([signal, timeout]),
      });
      // The status is the verdict, whatever becomes of the body.
      await body.dump({ limit: ANSWER_BYTES }).catch(() => undefined);
      return { status: statusCode, headers };
    } catch (error) {
      if (signal.aborted) throw abortError(signal);
      if (!timeout.aborted) throw connectionLost(error, name);
      const fact = `no answer within ${requestTimeoutMs} ms`;
      throw new AttemptFailure(new OtaError('NETWORK_FAILED', `${name}: ${fact}`, ['Try again later.']));
    }
  }
}

/** Unlike for downloads, a refused connection is no reason to give up: a server that is restarted is away for a while. */
function connectionLost(error: unknown, name: string): AttemptFailure | OtaError {
  const failure = connectionFailure(error, name);
  return failure instanceof OtaError && failure.code === 'NETWORK_FAILED' ? new AttemptFailure(failure) : failure;
}

function refused(name: string, status: number): OtaError {
  const fact = `${name}: the server answers a batch with ${status}`;
  if (status === 401) {
    return new OtaError('AUTHENTICATION_FAILED', fact, [
      'Check the token (--token-env) or the user name and password (--sink-username, --sink-password-env).',
    ]);
  }
  if (status === 403) return new OtaError('PERMISSION_DENIED', fact, ['Ask the operator of the server for access.']);
  if (status === 404 || status === 410) return new OtaError('NOT_FOUND', fact, ['Check the address.']);
  if (status >= 300 && status < 400) {
    return new OtaError('HTTP_STATUS', `${fact}, a redirect`, ['Ask for the final address and name that one.']);
  }
  return new OtaError('HTTP_STATUS', fact, ['Look into the log of the server; run again to go on.']);
}
