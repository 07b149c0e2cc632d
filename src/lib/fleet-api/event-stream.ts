import type { Readable } from 'node:stream';
import { createParser } from 'eventsource-parser';
import { isInterruption, throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import { type Pacing, systemPacing } from '../net/pacing.js';
import { retryDelayMs } from '../net/retry-delay.js';
import {
  EVENT_TYPES,
  type EventQuery,
  endEvent,
  type FleetEvent,
  fleetEvent,
  type GapEvent,
  gapEvent,
  MAX_EVENT_BYTES,
  parsePosition,
  type StreamPosition,
} from '../wire/events.js';
import type { FleetClient } from './fleet-client.js';

const EVENTS_PATH = '/api/v1/events';
const RETRIES = { attempts: Number.POSITIVE_INFINITY, retryDelayMs: 500, retryAfterLimitMs: 15_000 };

export interface FollowOptions {
  readonly query: EventQuery;
  /** Where to go on; without it at `query.since`, or now. */
  readonly position?: StreamPosition | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly pacing?: Pacing;
  /** How long to try to get a lost connection back, milliseconds. */
  readonly lostAfterMs: number;
  /** Told when a connection was lost, and when there is one again. */
  onConnection?(state: 'connected' | 'lost', reason?: OtaError): void;
}

/** What came, and where the stream goes on behind it. */
export interface FollowedEvent {
  readonly event: FleetEvent | GapEvent;
  readonly position: StreamPosition;
}

/**
 * Follows the events of a fleet, over lost connections and restarts of the server: none twice, and where some are no longer
 * kept a `gap` in their place.
 *
 * @yields what came with each read, in order, until the signal is raised
 * @throws OtaError NETWORK_FAILED, HTTP_STATUS when there is no server at first, or none any more for `lostAfterMs`;
 *   AUTHENTICATION_FAILED, PERMISSION_DENIED, USAGE as the server decides; INTERRUPTED, TERMINATED
 */
export async function* followEvents(client: FleetClient, options: FollowOptions): AsyncGenerator<FollowedEvent[]> {
  const { query, signal, pacing = systemPacing, lostAfterMs, onConnection } = options;
  let { position } = options;
  let hadConnection = false;
  let lostSinceMs: number | undefined;
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(signal);
    try {
      const { body } = await client.open('GET', EVENTS_PATH, {
        query: { ...query },
        headers: {
          accept: 'text/event-stream',
          ...(position && { 'last-event-id': `${position.event}-${position.telemetry}` }),
        },
        signal,
      });
      hadConnection = true;
      onConnection?.('connected');
      for await (const events of eventsOf(body, client.server, signal)) {
        attempt = 0;
        lostSinceMs = undefined;
        position = events.at(-1)?.position ?? position;
        if (events.length > 0) yield events;
      }
      throw new OtaError('NETWORK_FAILED', `${client.server}: the server ended the stream`);
    } catch (error) {
      const reason = lossOf(error, signal);
      if (reason === undefined || !hadConnection) throw error;
      const nowMs = pacing.monotonicMs();
      if (lostSinceMs === undefined) onConnection?.('lost', reason);
      lostSinceMs ??= nowMs;
      if (nowMs - lostSinceMs >= lostAfterMs) throw lostForGood(reason, lostAfterMs);
      await pacing.delay(retryDelayMs(Math.max(1, attempt), undefined, RETRIES, pacing), signal).catch((cause) => {
        throwIfAborted(signal);
        throw cause;
      });
    }
  }
}

/** Why the connection is gone; undefined for what another one would not mend. */
function lossOf(error: unknown, signal: AbortSignal | undefined): OtaError | undefined {
  if (signal !== undefined && (signal.aborted || isInterruption(error, signal))) return undefined;
  if (!(error instanceof OtaError)) return undefined;
  return error.code === 'NETWORK_FAILED' || error.code === 'HTTP_STATUS' ? error : undefined;
}

function lostForGood(reason: OtaError, lostAfterMs: number): OtaError {
  return new OtaError(
    reason.code,
    `${reason.message}; there was no connection for ${Math.round(lostAfterMs / 1000)} s`,
    ['Check that the server runs; the same command with --cursor goes on where this one was.'],
    { cause: reason },
  );
}

/** What came with each read; empty for a heartbeat. Ends as the server tells it to end. */
async function* eventsOf(
  body: Readable,
  server: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<FollowedEvent[]> {
  const decoder = new TextDecoder();
  let events: FollowedEvent[] = [];
  let hasEnded = false;
  let failure: OtaError | undefined;
  const parser = createParser({
    maxBufferSize: 2 * MAX_EVENT_BYTES,
    onEvent: ({ id, event: type, data }) => {
      if (failure !== undefined || hasEnded) return;
      try {
        if (type === 'end') {
          hasEnded = true;
          requireMore(checkSchema(endEvent, JSON.parse(data), { code: 'HTTP_STATUS', name: server }).cause, server);
        } else if (isKnown(type)) events.push(followed(id, type, data, server));
      } catch (error) {
        failure = error instanceof OtaError ? error : unreadable(server);
      }
    },
    onError: ({ type }) => {
      // The others mean a field to skip (WHATWG HTML, section 9.2.6).
      if (type === 'max-buffer-size-exceeded') failure ??= unreadable(server);
    },
  });
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      parser.feed(decoder.decode(chunk, { stream: true }));
      const came = events;
      events = [];
      yield came;
      if (failure !== undefined) throw failure;
      if (hasEnded) return;
    }
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof OtaError) throw error;
    throw new OtaError('NETWORK_FAILED', `${server}: the connection was lost`, [], { cause: error });
  } finally {
    body.destroy();
  }
}

function isKnown(type: string | undefined): type is string {
  return type === 'gap' || (EVENT_TYPES as readonly (string | undefined)[]).includes(type);
}

function followed(id: string | undefined, type: string, data: string, server: string): FollowedEvent {
  const position = parsePosition(id ?? '');
  if (position === undefined) throw unreadable(server);
  const value: unknown = JSON.parse(data);
  const context = { code: 'HTTP_STATUS', name: server } as const;
  const event = type === 'gap' ? checkSchema(gapEvent, value, context) : checkSchema(fleetEvent, value, context);
  return { event, position };
}

function requireMore(cause: 'stopping' | 'revoked', server: string): void {
  if (cause !== 'revoked') return;
  throw new OtaError('AUTHENTICATION_FAILED', `${server}: the credentials are no longer good`, ['Run `fleet login`.']);
}

function unreadable(server: string): OtaError {
  return new OtaError('HTTP_STATUS', `${server}: the stream of events holds something that is none`, [
    'Check that the address is that of a fleet server.',
  ]);
}
