import type { FleetClient } from '../../lib/fleet-api/fleet-client.js';
import type { ObservedEvent } from '../../lib/query/predicate-state.js';
import { devicePage, MAX_DEVICES_PAGE, type PartialDevice } from '../../lib/wire/devices.js';

const DEVICES_PATH = '/api/v1/devices';
const FIELDS = 'id,online,lastSeenAt,updateStatus,installed,attributes';

/** The devices that a predicate is about. */
export interface DeviceScope {
  /** How many they are now. */
  count(): Promise<number>;
  /** What is known of each as if it had just been told: who is where they should be sends nothing. */
  present(): AsyncIterable<ObservedEvent>;
}

/** @param where FIQL; without it all devices of the tenant */
export function deviceScope(client: FleetClient, where: string | undefined, signal: AbortSignal): DeviceScope {
  const page = (limit: number, fields: string, cursor: string | null) =>
    client.call('GET', DEVICES_PATH, {
      query: { where, limit, fields, cursor: cursor ?? undefined },
      answer: devicePage,
      signal,
    });
  return {
    async count() {
      const { total } = await page(1, 'id', null);
      return total;
    },
    async *present() {
      let cursor: string | null = null;
      do {
        const { items, next } = await page(MAX_DEVICES_PAGE, FIELDS, cursor);
        for (const device of items) yield* statusOf(device);
        cursor = next;
      } while (cursor !== null);
    },
  };
}

function* statusOf(known: PartialDevice): Generator<ObservedEvent> {
  const { id, online, lastSeenAt, updateStatus, installed, attributes } = known;
  const version = installed?.version ?? attributes?.version;
  const body = { event: 'updated', updateStatus, ...(version !== undefined && { version }) };
  yield { type: 'status', device: id, body };
  if (lastSeenAt !== null) yield { type: 'status', device: id, body: { event: online ? 'online' : 'offline' } };
}
