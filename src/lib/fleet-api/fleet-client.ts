import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { type Dispatcher, request } from 'undici';
import type { $ZodType } from 'zod/v4/core';
import { abortError, throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import { parseStrictJson } from '../core/strict-json.js';
import { contentLength } from '../net/answer.js';
import { AttemptFailure, connectionFailure } from '../net/attempt-failure.js';
import { openDispatcher } from '../net/dispatcher.js';
import { type HttpPolicy, limitsOf } from '../net/http-policy.js';
import type { HttpTrace, TracedRequest } from '../net/http-trace.js';
import { type Pacing, systemPacing } from '../net/pacing.js';
import { repeatAttempts } from '../net/repeated-attempts.js';
import { retryAfterMs } from '../net/retry-delay.js';
import { clientFailure } from './client-failure.js';
import type { Credential, CredentialSource } from './credential.js';
import { readAnswer } from './read-answer.js';

/** Largest JSON answer; lists are asked for in pages. */
const MAX_ANSWER_BYTES = 64 * 1024 ** 2;
const MAX_ANSWER_VALUES = 4_000_000;
const MAX_FAILURE_BYTES = 64 * 1024;
const BUSY = new Set([429, 502, 503, 504]);

export interface FleetClientOptions {
  /** From `parseServerAddress`. */
  readonly server: string;
  readonly credential?: CredentialSource;
  readonly policy?: HttpPolicy;
  readonly pacing?: Pacing;
  /** Told of each request. */
  readonly trace?: HttpTrace | undefined;
}

export interface FleetRequest<T = unknown> {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, once: a stream cannot be repeated. */
  readonly body?: Readable | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the answer has to be; without it the answer is not read. */
  readonly answer?: $ZodType<T>;
  /** The server does the same however often it is asked: it may be asked again after a lost answer. GET, HEAD, PUT and DELETE are. */
  readonly isIdempotent?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** An answer whose body is still to be read, and has to be. */
export interface OpenAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A fleet server as one of its operators. */
export interface FleetClient extends AsyncDisposable {
  readonly server: string;
  /**
   * Asks for something.
   *
   * @param path begins with a slash; parts of it that come from outside go through `encodeURIComponent`
   * @throws OtaError as `clientFailure`; NETWORK_FAILED, TLS_FAILED; HTTP_STATUS for an answer that is not what it has to be
   */
  call<T>(method: Method, path: string, request?: FleetRequest<T>): Promise<T>;
  /** As `call`, for bodies that are read as they come. Never repeated. */
  open(method: Method, path: string, request?: Omit<FleetRequest, 'answer'>): Promise<OpenAnswer>;
}

export async function openFleetClient(options: FleetClientOptions): Promise<FleetClient> {
  return new HttpFleetClient(options, await openDispatcher(options.policy ?? {}));
}

class HttpFleetClient implements FleetClient {
  readonly server: string;
  readonly #options: FleetClientOptions;
  readonly #dispatcher: Dispatcher;
  readonly #pacing: Pacing;

  constructor(options: FleetClientOptions, dispatcher: Dispatcher) {
    this.server = options.server;
    this.#options = options;
    this.#dispatcher = dispatcher;
    this.#pacing = options.pacing ?? systemPacing;
  }

  async call<T>(method: Method, path: string, options: FleetRequest<T> = {}): Promise<T> {
    const mayRepeat = options.body === undefined && (options.isIdempotent ?? method !== 'POST');
    const limits = { ...limitsOf(this.#options.policy ?? {}), ...(mayRepeat ? {} : { attempts: 1 }) };
    const { signal } = options;
    const answer = async (number: number) => {
      const { body } = await this.#attempt(method, path, options, number);
      return options.answer === undefined ? drain(body) : this.#read(body, path);
    };
    const bytes = await repeatAttempts(answer, { limits, pacing: this.#pacing, signal });
    if (options.answer === undefined || bytes === undefined) return undefined as T;
    const name = `${method} ${this.server}${path}`;
    const value = parseAnswer(bytes, name);
    return checkSchema(options.answer, value, { code: 'HTTP_STATUS', name });
  }

  async open(method: Method, path: string, options: Omit<FleetRequest, 'answer'> = {}): Promise<OpenAnswer> {
    try {
      return await this.#attempt(method, path, options);
    } catch (error) {
      throw error instanceof AttemptFailure ? error.reason : error;
    }
  }

  async #attempt(method: Method, path: string, options: Omit<FleetRequest, 'answer'>, number = 1): Promise<OpenAnswer> {
    const { credential } = this.#options;
    const given = await credential?.current();
    const first = await this.#send(method, path, options, { number, credential: given });
    if (first.status !== 401 || given === undefined) return this.#checked(first, method, path);
    const renewed = await credential?.renew(given);
    // A stream that was sent cannot be sent again.
    if (renewed === undefined || options.body !== undefined) return this.#checked(first, method, path);
    await drain(first.body);
    return this.#checked(await this.#send(method, path, options, { number, credential: renewed }), method, path);
  }

  async #checked(
    { status, headers, body }: { status: number; headers: IncomingHttpHeaders; body: Readable },
    method: Method,
    path: string,
  ): Promise<OpenAnswer> {
    // A redirect is not followed: it leads elsewhere with what was for this server, and what was to be done is not done.
    if (status < 300 && status >= 200) return { headers, body };
    const asked = `${method} ${this.server}${path}`;
    const failure = clientFailure(status, await this.#readFailure(body, path), asked);
    if (!BUSY.has(status) || failure.code === 'LIMIT_EXCEEDED') throw failure;
    throw new AttemptFailure(failure, { retryAfterMs: retryAfterMs(headers['retry-after'], this.#pacing.now()) });
  }

  async #send(
    method: Method,
    path: string,
    options: Omit<FleetRequest, 'answer'>,
    { number, credential }: { number: number; credential: Credential | undefined },
  ) {
    const { query = {}, json, body, headers = {}, signal } = options;
    throwIfAborted(signal);
    const url = new URL(`${this.server}${path}`);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const sent = json === undefined ? (body ?? null) : JSON.stringify(json);
    const tell = this.#tracer({ method, url: url.href, attempt: number, requestBytes: sizeOf(sent, headers) });
    try {
      const answer = await request(url, {
        method,
        dispatcher: this.#dispatcher,
        headers: {
          accept: 'application/json',
          'user-agent': 'ota-fleet',
          ...(json !== undefined && { 'content-type': 'application/json' }),
          ...(credential && { authorization: credential.authorization }),
          ...headers,
        },
        body: sent,
        signal: signal ?? null,
      });
      tell({ status: answer.statusCode, responseBytes: contentLength(answer.headers) ?? null });
      return { status: answer.statusCode, headers: answer.headers, body: answer.body as Readable };
    } catch (error) {
      if (signal?.aborted) throw abortError(signal);
      const failure = error instanceof OtaError ? error : connectionFailure(error, this.server);
      tell({ error: failure.message });
      throw failure;
    }
  }

  #read(body: Readable, path: string, maxBytes = MAX_ANSWER_BYTES): Promise<Buffer> {
    return readAnswer(body, { path, maxBytes, limits: limitsOf(this.#options.policy ?? {}), pacing: this.#pacing });
  }

  /** What stands in an answer that is a failure; undefined when it is nothing that can be read. */
  async #readFailure(body: Readable, path: string): Promise<unknown> {
    try {
      return JSON.parse((await this.#read(body, path, MAX_FAILURE_BYTES)).toString('utf8'));
    } catch {
      return undefined;
    }
  }

  #tracer(asked: Pick<TracedRequest, 'method' | 'url' | 'attempt' | 'requestBytes'>) {
    const { trace } = this.#options;
    const time = this.#pacing.now().toISOString();
    const from = this.#pacing.monotonicMs();
    return (answered: Partial<TracedRequest>) => {
      const durationMs = Math.round(this.#pacing.monotonicMs() - from);
      trace?.tell({ time, ...asked, status: null, durationMs, responseBytes: null, error: null, ...answered });
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher.destroy();
  }
}

function sizeOf(sent: string | Readable | Uint8Array | null, headers: Readonly<Record<string, string>>): number | null {
  if (sent === null) return 0;
  if (typeof sent === 'string') return Buffer.byteLength(sent);
  if (sent instanceof Uint8Array) return sent.byteLength;
  return contentLength(headers) ?? null;
}

/** Lets the connection be used again. */
async function drain(body: Readable): Promise<undefined> {
  body.on('error', () => undefined);
  body.resume();
}

function parseAnswer(bytes: Buffer, name: string): unknown {
  try {
    return parseStrictJson(bytes, { name, maxBytes: MAX_ANSWER_BYTES, maxValues: MAX_ANSWER_VALUES });
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    throw new OtaError('HTTP_STATUS', `${name}: the answer is no JSON that can be read`, [
      'Check that the address is that of a fleet server.',
    ]);
  }
}
