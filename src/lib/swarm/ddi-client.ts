import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { type Dispatcher, request } from 'undici';
import type { $ZodType } from 'zod/v4/core';
import { abortError } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import type { Pacing } from '../net/pacing.js';
import { retryAfterMs } from '../net/retry-delay.js';
import { DDI_MAX_BODY_BYTES } from '../wire/ddi.js';
import type { Outcome } from './device.js';
import type { RequestEnd, RequestKind } from './tally.js';

export interface DdiRequest {
  kind: RequestKind;
  method: 'GET' | 'PUT' | 'POST';
  url: URL;
  authorization: string;
  body?: object;
  headers?: Record<string, string>;
}

type Failed = Extract<Outcome, { type: 'failed' }>;

/** An answer with its body still to come, or why there is none. */
export type Begun = { status: number; headers: IncomingHttpHeaders; body: Readable } | Failed;

/** Speaks HTTP for all devices of a swarm, over connections that they share. */
export class DdiClient {
  readonly #origin: string;
  readonly #dispatcher: Dispatcher;
  readonly #time: Pacing;
  readonly #signal: AbortSignal;
  readonly #onEnd: (end: RequestEnd) => void;

  /** @param origin the only one that may see the tokens of devices */
  constructor(options: {
    origin: string;
    dispatcher: Dispatcher;
    time: Pacing;
    signal: AbortSignal;
    onEnd(end: RequestEnd): void;
  }) {
    this.#origin = options.origin;
    this.#dispatcher = options.dispatcher;
    this.#time = options.time;
    this.#signal = options.signal;
    this.#onEnd = options.onEnd;
  }

  /**
   * Asks for something and reads it.
   *
   * @throws OtaError INTERRUPTED, TERMINATED
   */
  async ask<T>(asked: DdiRequest, schema: $ZodType<T>): Promise<{ type: 'value'; value: T } | Failed> {
    const answer = await this.#exchange(asked);
    if (answer.type === 'failed') return answer;
    try {
      const name = `the answer to a ${asked.kind}`;
      const value = checkSchema(schema, JSON.parse(answer.text), { code: 'MESSAGE_INVALID', name });
      return { type: 'value', value };
    } catch {
      this.#onEnd({ kind: asked.kind, error: 'unreadable answer', durationMs: 0 });
      return { type: 'failed' };
    }
  }

  /** Tells something; what the server says about it beyond its status does not matter. */
  async tell(asked: DdiRequest): Promise<{ type: 'done' } | Failed> {
    const answer = await this.#exchange(asked);
    return answer.type === 'failed' ? answer : { type: 'done' };
  }

  /** Sends a request and waits for the head of its answer, whatever its status; nothing is counted. */
  async begin({ method, url, authorization, body, headers }: DdiRequest): Promise<Begun> {
    try {
      const answer = await request(url, {
        method,
        dispatcher: this.#dispatcher,
        signal: this.#signal,
        headers: {
          accept: 'application/hal+json, application/json',
          'user-agent': 'ota-fleet',
          ...(body !== undefined && { 'content-type': 'application/json' }),
          // A server may send devices elsewhere, but not with their tokens.
          ...(url.origin === this.#origin && { authorization }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: answer.statusCode, headers: answer.headers, body: answer.body };
    } catch (error) {
      return this.connectionFailed(error);
    }
  }

  /** @throws OtaError INTERRUPTED, TERMINATED when that is why */
  connectionFailed(error: unknown): Failed & { error: string } {
    if (this.#signal.aborted) throw abortError(this.#signal);
    return { type: 'failed', error: codeOf(error) };
  }

  /** How a refusal is to be understood. */
  failure(status: number, headers: IncomingHttpHeaders): Failed {
    return { type: 'failed', status, retryAfterMs: retryAfterMs(headers['retry-after'], this.#time.now()) };
  }

  end(end: Omit<RequestEnd, 'durationMs'>, startedMs: number): void {
    this.#onEnd({ ...end, durationMs: this.#time.monotonicMs() - startedMs });
  }

  async #exchange(asked: DdiRequest): Promise<{ type: 'answer'; text: string } | Failed> {
    const { kind } = asked;
    const startedMs = this.#time.monotonicMs();
    const begun = await this.begin(asked);
    if ('type' in begun) {
      this.end({ kind, error: begun.error }, startedMs);
      return begun;
    }
    const { status, headers, body } = begun;
    try {
      const text = await boundedText(body);
      this.end({ kind, status }, startedMs);
      return status < 300 ? { type: 'answer', text } : this.failure(status, headers);
    } catch (error) {
      const failed = this.connectionFailed(error);
      this.end({ kind, error: failed.error }, startedMs);
      return failed;
    }
  }
}

/** @throws OtaError LIMIT_EXCEEDED */
async function boundedText(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > DDI_MAX_BODY_BYTES) throw new OtaError('LIMIT_EXCEEDED', 'an answer is larger than any should be');
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]!.toString() : Buffer.concat(chunks).toString();
}

function codeOf(error: unknown): string {
  const { code, cause, name } = (error ?? {}) as { code?: unknown; cause?: unknown; name?: unknown };
  if (cause instanceof Error && 'code' in cause) return codeOf(cause);
  return typeof code === 'string' ? code : String(name ?? 'unknown failure');
}
