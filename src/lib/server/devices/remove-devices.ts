import type { Transaction } from 'kysely';
import { chunksOf } from '../database/chunks.js';
import type { Schema } from '../database/schema.js';
import type { NewEvent } from '../events/event-log.js';
import type { ChosenDevice } from './change-devices.js';

/** Forgets devices, and with them their actions and their places in rollouts. @returns events for `EventLog.append` */
export async function removeDevices(
  tx: Transaction<Schema>,
  devices: readonly ChosenDevice[],
  { tenantId, now }: { tenantId: number; now: number },
): Promise<NewEvent[]> {
  for (const chunk of chunksOf(devices, 1)) {
    const ids = chunk.map(({ id }) => id);
    await tx.deleteFrom('device').where('id', 'in', ids).execute();
  }
  return devices.map(({ controllerId }) => ({
    tenantId,
    type: 'status',
    device: controllerId,
    time: now,
    body: { event: 'removed' },
  }));
}
