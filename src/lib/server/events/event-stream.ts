import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { EVENT_HEARTBEAT_MS, formatPosition, type GapEvent, type StreamPosition } from '../../wire/events.js';
import type { Tenant } from '../access/principal.js';
import type { ServerContext } from '../context.js';
import { ServerFailure } from '../http/server-failure.js';
import type { DeviceMatch } from './device-match.js';
import type { EventType } from './event-log.js';
import { controlFrame, eventFrames, telemetryFrames } from './stream-frames.js';

/** What is read from a log and written to the connection at a time: no more of a stream is in memory. */
const MAX_EVENTS = 500;
const MAX_MESSAGES = 4_096;
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** When a client should connect again after the server has ended the stream, milliseconds. */
const RETRY_MS = 2_000;

export interface EventStreamOptions {
  readonly server: ServerContext;
  readonly tenant: Tenant;
  readonly types: readonly EventType[];
  readonly hasTelemetry: boolean;
  readonly device: string | undefined;
  readonly match: DeviceMatch | undefined;
  readonly start: StreamPosition;
  /** Raised when the client goes away or the server stops. */
  readonly signal: AbortSignal;
  /** Whether they still may. @throws ServerFailure 401 or 403 when not */
  authenticateAgain(): Promise<void>;
}

/**
 * Writes both logs to a connection, from a position on and then as they grow, at the pace of whoever reads: a slow reader
 * falls behind in the logs and not in memory, and what has been forgotten before it came there is a gap.
 */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #response: ServerResponse;
  #position: StreamPosition;
  #authenticatedAt: number;
  #writtenMs = performance.now();

  constructor(response: ServerResponse, options: EventStreamOptions) {
    this.#options = options;
    this.#response = response;
    this.#position = options.start;
    this.#authenticatedAt = this.#now();
  }

  /** Resolves when the client is gone, the server stops, or the credentials are no longer good. */
  async run(): Promise<void> {
    const { server, signal } = this.#options;
    const wakeUp = new WakeUp();
    const ends = [server.events.onAppended(wakeUp.ring), server.telemetry.log.onAppended(wakeUp.ring)];
    signal.addEventListener('abort', wakeUp.ring);
    try {
      // Without data it is no event, but a client that loses the connection before the first one remembers where it began.
      await this.#write(`${this.#idLine()}\n`);
      while (!signal.aborted) {
        if (!(await this.#isAllowed())) return await this.#end('revoked');
        const mayBeMore = await this.#advance();
        // Also while the logs grow by what this client does not want: to it, the stream is silent.
        if (this.#silentMs() >= EVENT_HEARTBEAT_MS) await this.#write(`: still here\n${this.#idLine()}\n`);
        if (!mayBeMore) await wakeUp.wait(Math.max(0, EVENT_HEARTBEAT_MS - this.#silentMs()));
      }
      if (server.stopping.aborted) await this.#end('stopping');
    } finally {
      for (const end of ends) end();
      signal.removeEventListener('abort', wakeUp.ring);
      this.#response.end();
    }
  }

  /** @returns whether there may be more */
  async #advance(): Promise<boolean> {
    const before = this.#position;
    await this.#advanceEvents();
    await this.#advanceTelemetry();
    return this.#position.event !== before.event || this.#position.telemetry !== before.telemetry;
  }

  async #advanceEvents(): Promise<void> {
    const { server, tenant, types, device, match } = this.#options;
    if (types.length === 0) return;
    const after = this.#position.event;
    const read = await server.events.read({ tenantId: tenant.id, after, types, device, limit: MAX_EVENTS });
    const events = match === undefined ? read.events : await match.choose(read.events);
    if (events.length > 0) await this.#write(eventFrames(events, this.#position.telemetry));
    this.#position = { ...this.#position, event: read.position };
    if (read.gap !== undefined) await this.#gap('events', read.gap);
  }

  async #advanceTelemetry(): Promise<void> {
    const { server, tenant, hasTelemetry, device, match } = this.#options;
    if (!hasTelemetry) return;
    const after = this.#position.telemetry;
    const limits = { maxRows: MAX_MESSAGES, maxBytes: MAX_MESSAGE_BYTES };
    const read = await server.telemetry.log.read({ tenantId: tenant.id, after, device, ...limits });
    const messages = match === undefined ? read.messages : await match.choose(read.messages);
    if (messages.length > 0) await this.#write(telemetryFrames(messages, this.#position.event));
    this.#position = { ...this.#position, telemetry: read.position };
    if (read.gap !== undefined) await this.#gap('telemetry', read.gap);
  }

  async #gap(log: GapEvent['log'], { from, to, cause }: Pick<GapEvent, 'from' | 'to' | 'cause'>): Promise<void> {
    const gap: GapEvent = { type: 'gap', time: this.#time(), log, from, to, atMost: to - from + 1, cause };
    await this.#write(controlFrame(this.#position, gap));
  }

  async #end(cause: 'stopping' | 'revoked'): Promise<void> {
    const frame = controlFrame(this.#position, { type: 'end', time: this.#time(), cause } as { type: 'end' });
    this.#response.write(`retry: ${RETRY_MS}\n${frame}`);
  }

  /** As often as a heartbeat, by the server's clock. */
  async #isAllowed(): Promise<boolean> {
    const now = this.#now();
    if (now >= this.#authenticatedAt && now - this.#authenticatedAt < EVENT_HEARTBEAT_MS) return true;
    this.#authenticatedAt = now;
    try {
      await this.#options.authenticateAgain();
      return true;
    } catch (error) {
      if (error instanceof ServerFailure && (error.status === 401 || error.status === 403)) return false;
      return true; // a rate limit, or a database that is away for a moment
    }
  }

  /** Waits until the connection has taken it. */
  async #write(text: string | Uint8Array): Promise<void> {
    this.#writtenMs = performance.now();
    if (this.#response.write(text)) return;
    const { signal } = this.#options;
    await once(this.#response, 'drain', { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  #silentMs(): number {
    return performance.now() - this.#writtenMs;
  }

  #idLine(): string {
    return `id: ${formatPosition(this.#position)}\n`;
  }

  #now(): number {
    return this.#options.server.clock.now().getTime();
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }
}

/** Rings that come while nobody waits are not lost. */
class WakeUp {
  #isRung = false;
  #waiting: (() => void) | undefined;

  readonly ring = (): void => {
    this.#isRung = true;
    this.#waiting?.();
  };

  /** Resolves with the next ring, or after so long. */
  async wait(ms: number): Promise<void> {
    if (!this.#isRung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#waiting = undefined;
    }
    this.#isRung = false;
  }
}
