import type { MqttClient } from 'mqtt';
import { throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import type { MqttEndpoint } from './endpoint.js';
import { type MqttAccess, mqttBroker } from './mqtt-access.js';

/** Messages that wait for the reader; beyond them they are counted and dropped: a watcher must never hold a broker up. */
const MAX_WAITING = 65_536;
const RECONNECT_MS = 1_000;

export interface WatchedMessage {
  readonly topic: string;
  readonly payload: Buffer;
}

/** What came; or what did not. */
export type WatchedBatch =
  | { readonly kind: 'messages'; readonly messages: readonly WatchedMessage[] }
  /** There was no connection for so long. */
  | { readonly kind: 'disconnected'; readonly forMs: number }
  /** The reader was too slow for so many. */
  | { readonly kind: 'dropped'; readonly count: number };

/**
 * Watches topics of any MQTT 3.1.1 broker as somebody who leaves no trace there: no session is kept, nothing is
 * acknowledged on behalf of others. What is sent while there is no connection is lost, and the reader is told.
 *
 * @param lostAfterMs how long to try to get a lost connection back
 * @throws OtaError AUTHENTICATION_FAILED, PERMISSION_DENIED, NETWORK_FAILED, CONFIG_INVALID; INTERRUPTED, TERMINATED
 */
export async function* watchMqtt(
  endpoint: MqttEndpoint,
  access: MqttAccess,
  { signal, lostAfterMs, onConnected }: { signal: AbortSignal; lostAfterMs: number; onConnected?: () => void },
): AsyncGenerator<WatchedBatch> {
  const broker = await mqttBroker(endpoint, access);
  const { default: mqtt } = await import('mqtt');
  throwIfAborted(signal);
  const client = mqtt.connect({
    protocol: broker.isTls ? 'mqtts' : 'mqtt',
    host: broker.host,
    port: broker.port,
    protocolVersion: 4,
    clean: true,
    reconnectPeriod: RECONNECT_MS,
    connectTimeout: broker.limits.connectTimeoutMs,
    resubscribe: false,
    ...(broker.username !== undefined && { username: broker.username }),
    ...(broker.password !== undefined && { password: broker.password }),
    ...(broker.authorities && { ca: broker.authorities }),
  });
  const watch = new Watch(client, broker.name, endpoint.topic, broker.pacing.monotonicMs, lostAfterMs, onConnected);
  const onAbort = () => watch.wake();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    while (!signal.aborted) {
      const batch = watch.take();
      if (batch !== undefined) yield batch;
      else await watch.somethingNew();
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    client.end(true);
  }
}

class Watch {
  readonly #name: string;
  #messages: WatchedMessage[] = [];
  #dropped = 0;
  #lostSinceMs: number | undefined;
  #disconnectedMs = 0;
  #failure: OtaError | undefined;
  #news = Promise.withResolvers<void>();

  constructor(
    client: MqttClient,
    name: string,
    filter: string,
    nowMs: () => number,
    lostAfterMs: number,
    onConnected: (() => void) | undefined,
  ) {
    this.#name = name;
    let wasConnected = false;
    client.on('connect', () => {
      client.subscribe(filter, { qos: 1 }, (error, grants) => {
        if (error !== null || grants?.some(({ qos }) => qos === 128)) {
          return this.#fail(
            new OtaError('PERMISSION_DENIED', `${name}: the broker refuses the subscription to ${filter}`, [
              'Use a name and password that may read it, or another filter.',
            ]),
          );
        }
        wasConnected = true;
        if (this.#lostSinceMs !== undefined) this.#disconnectedMs += nowMs() - this.#lostSinceMs;
        this.#lostSinceMs = undefined;
        onConnected?.();
        this.wake();
      });
    });
    client.on('message', (topic, payload) => {
      if (this.#messages.length >= MAX_WAITING) this.#dropped++;
      else this.#messages.push({ topic, payload });
      this.wake();
    });
    client.on('close', () => {
      this.#lostSinceMs ??= nowMs();
      if (!wasConnected) this.#fail(this.#unreachable('the connection failed'));
      else if (nowMs() - this.#lostSinceMs >= lostAfterMs) {
        this.#fail(this.#unreachable(`there was no connection for ${Math.round(lostAfterMs / 1000)} s`));
      }
    });
    client.on('error', (error: Error & { code?: number | string }) => {
      // CONNACK of MQTT 3.1.1, section 3.2.2.3: 4 bad user name or password, 5 not authorized.
      const isRefused = error.code === 4 || error.code === 5;
      if (isRefused) {
        this.#fail(
          new OtaError('AUTHENTICATION_FAILED', `${name}: the broker refuses the login`, ['Check name and password.']),
        );
      } else if (!wasConnected)
        this.#fail(this.#unreachable(`the connection failed (${error.code ?? 'unknown failure'})`));
    });
  }

  /** @throws OtaError what has ended it */
  take(): WatchedBatch | undefined {
    if (this.#messages.length > 0) {
      const messages = this.#messages;
      this.#messages = [];
      return { kind: 'messages', messages };
    }
    if (this.#dropped > 0) {
      const count = this.#dropped;
      this.#dropped = 0;
      return { kind: 'dropped', count };
    }
    if (this.#disconnectedMs > 0) {
      const forMs = this.#disconnectedMs;
      this.#disconnectedMs = 0;
      return { kind: 'disconnected', forMs };
    }
    if (this.#failure !== undefined) throw this.#failure;
    return undefined;
  }

  async somethingNew(): Promise<void> {
    await this.#news.promise;
    this.#news = Promise.withResolvers<void>();
  }

  wake(): void {
    this.#news.resolve();
  }

  #fail(failure: OtaError): void {
    this.#failure ??= failure;
    this.wake();
  }

  #unreachable(fact: string): OtaError {
    return new OtaError('NETWORK_FAILED', `${this.#name}: ${fact}`, ['Check that a broker runs there.']);
  }
}
