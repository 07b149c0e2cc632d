import type { MqttEndpoint } from '../../lib/telemetry/endpoint.js';
import type { MqttAccess } from '../../lib/telemetry/mqtt-access.js';
import { type WatchedMessage, watchMqtt } from '../../lib/telemetry/mqtt-watch.js';
import type { EventType, FleetEvent } from '../../lib/wire/events.js';
import type { Feed, TailItem } from './feed.js';

/** Ids that are remembered: brokers repeat what was not acknowledged in time (MQTT, quality of service 1). */
const REMEMBERED_IDS = 100_000;
/** A fleet's topics: `t/TENANT/devices/ID/telemetry|status|events`. */
const DEVICE_TOPIC = /^t\/[^/]+\/devices\/([^/]+)\/(telemetry|status|events)$/;
const TYPES = { telemetry: 'telemetry', status: 'status', events: 'alert' } as const;

export interface BrokerFeedOptions {
  readonly access: MqttAccess;
  readonly types: ReadonlySet<EventType>;
  /** Names of devices; none: all of them. */
  readonly devices: ReadonlySet<string>;
  readonly lostAfterMs: number;
  readonly now: () => Date;
  readonly onUnreadable: (topic: string) => void;
}

/** Messages straight from a broker, as the events that a server would make of them. */
export function brokerFeed(endpoint: MqttEndpoint, options: BrokerFeedOptions): Feed {
  const { access, types, devices, lostAfterMs, now, onUnreadable } = options;
  return {
    async *follow(signal, onConnected) {
      const seen = new NewestIds(REMEMBERED_IDS);
      for await (const batch of watchMqtt(endpoint, access, { signal, lostAfterMs, onConnected })) {
        const time = now().toISOString();
        if (batch.kind === 'disconnected') {
          const seconds = Math.ceil(batch.forMs / 1000);
          yield [{ event: { type: 'gap', time, cause: 'disconnected', seconds } }];
        } else if (batch.kind === 'dropped') {
          const { count } = batch;
          yield [{ event: { type: 'gap', time, cause: 'slow', atMost: count } }];
        } else {
          const events = batch.messages.map((message) => eventOf(message, time) ?? onUnreadable(message.topic));
          yield events
            .filter((event) => event !== undefined)
            .filter(({ type, device }) => types.has(type) && (devices.size === 0 || devices.has(device ?? '')))
            .filter(({ body }) => typeof body.messageId !== 'string' || seen.add(body.messageId))
            .map((event): TailItem => ({ event }));
        }
      }
    },
  };
}

function eventOf({ topic, payload }: WatchedMessage, arrived: string): FleetEvent | undefined {
  const [, id, kind] = DEVICE_TOPIC.exec(topic) ?? [];
  const body = objectOf(payload);
  if (body === undefined) return undefined;
  const named = body.deviceId ?? body.vin;
  const device = id ?? (typeof named === 'string' ? named : undefined);
  const type = kind === undefined ? 'telemetry' : TYPES[kind as keyof typeof TYPES];
  const time = timeOf(body.timestamp) ?? arrived;
  const told = type === 'status' ? { event: 'reported', ...body } : body;
  return { type, time, body: told, ...(device !== undefined && { device }) };
}

function objectOf(payload: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function timeOf(timestamp: unknown): string | undefined {
  if (typeof timestamp !== 'string' && typeof timestamp !== 'number') return undefined;
  const date = new Date(timestamp);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** The newest of the ids it was given. */
class NewestIds {
  readonly #limit: number;
  readonly #ids = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @returns whether it is new */
  add(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > this.#limit) this.#ids.delete(this.#ids.values().next().value!);
    return true;
  }
}
