import type { Transaction } from 'kysely';
import { type JsonObject, parseStrictJson } from '../../core/strict-json.js';
import type { ServerContext } from '../context.js';
import type { Schema } from '../database/schema.js';
import type { NewEvent } from '../events/event-log.js';
import type { DeviceMessage } from './message-batches.js';
import type { MqttIdentity } from './mqtt-identity.js';

/** Of what a device says on its topics `status` and `events`. */
const MAX_BYTES = 16 * 1024;
/** Events of one transaction. */
const MAX_EVENTS = 500;

interface Waiting {
  readonly event: NewEvent & { readonly device: string };
  readonly done: DeviceMessage['done'];
}

/**
 * Makes events of what devices say about themselves: on `status` a `status` event `reported`; on `events` an `alert`, or
 * a `status` event where its `type` is `status`. Many of them share a transaction.
 */
export class DeviceEvents {
  readonly #server: Pick<ServerContext, 'database' | 'events' | 'clock' | 'metrics'>;
  #waiting: Waiting[] = [];
  #isWriting = false;

  constructor(server: Pick<ServerContext, 'database' | 'events' | 'clock' | 'metrics'>) {
    this.#server = server;
  }

  add(sender: MqttIdentity, kind: 'status' | 'events', { device, payload, done }: DeviceMessage): void {
    const body = objectOf(payload);
    if (body === undefined) {
      this.#server.metrics.telemetry.inc({ path: 'mqtt', verdict: 'refused' });
      done(undefined); // sent again, it would be no event again
      return;
    }
    const tenantId = sender.tenant.id;
    const isReport = kind === 'status';
    const name = isReport || typeof body.event !== 'string' ? 'reported' : body.event;
    const type = isReport || body.type === 'status' ? 'status' : 'alert';
    const time = this.#server.clock.now().getTime();
    this.#waiting.push({ event: { tenantId, type, device, time, body: { ...body, event: name } }, done });
    void this.#write();
  }

  /** Drops what a gateway says of devices that nobody knows. */
  async #write(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      await new Promise((resolve) => setImmediate(resolve)); // behind what has arrived by now
      const part = this.#waiting.splice(0, MAX_EVENTS);
      let failure: Error | undefined;
      try {
        const { database, events } = this.#server;
        await database.transaction(async (tx) => {
          const known = await knownDevices(
            tx,
            part.map(({ event }) => event),
          );
          await events.append(
            tx,
            part.map(({ event }) => event).filter((event) => known.has(deviceKey(event))),
          );
        });
      } catch (error) {
        failure = error as Error;
      }
      for (const { done } of part) done(failure);
    }
    this.#isWriting = false;
  }
}

function objectOf(payload: Uint8Array): JsonObject | undefined {
  try {
    const value = parseStrictJson(payload, { name: 'event', maxBytes: MAX_BYTES });
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

async function knownDevices(tx: Transaction<Schema>, events: readonly Waiting['event'][]): Promise<Set<string>> {
  const rows = await tx
    .selectFrom('device')
    .select(['tenant_id', 'controller_id'])
    .where('tenant_id', 'in', [...new Set(events.map(({ tenantId }) => tenantId))])
    .where('controller_id', 'in', [...new Set(events.map(({ device }) => device))])
    .execute();
  return new Set(rows.map((row) => deviceKey({ tenantId: row.tenant_id, device: row.controller_id })));
}

function deviceKey({ tenantId, device }: Pick<Waiting['event'], 'tenantId' | 'device'>): string {
  return `${tenantId} ${device}`;
}
