import type { Transaction } from 'kysely';
import type { Schema } from '../database/schema.js';
import type { NewEvent } from '../events/event-log.js';
import { notFound } from '../http/server-failure.js';
import { activeActionsOf, lockDevices } from './locked-action.js';
import { updatedEvent, writeHistory } from './move-action.js';

export interface InstalledSet {
  readonly tenantId: number;
  readonly deviceIds: readonly number[];
  readonly setId: number;
  readonly actor: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface RecordedInstalls {
  readonly actions: readonly { readonly id: number; readonly deviceId: number }[];
  /** For `EventLog.append`, which has to be the last statement of the transaction. */
  readonly events: readonly NewEvent[];
}

/**
 * Writes down what devices have without having got it from this server: hawkBit's offline assignment. Each gets an action
 * that has already ended; one that has the set already gets none.
 *
 * @throws ServerFailure 404 for a set or device that the tenant does not have
 */
export async function recordInstalled(tx: Transaction<Schema>, installed: InstalledSet): Promise<RecordedInstalls> {
  const { tenantId, setId, actor, now } = installed;
  const set = await tx
    .selectFrom('distribution_set')
    .select('version')
    .where('id', '=', setId)
    .where('tenant_id', '=', tenantId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (set === undefined) throw notFound(`distribution set ${setId}`);
  await lockDevices(tx, installed.deviceIds);
  const actions: { id: number; deviceId: number }[] = [];
  const events: NewEvent[] = [];
  for (const deviceId of installed.deviceIds) {
    const device = await tx
      .selectFrom('device')
      .select(['controller_id', 'installed_set_id', 'assigned_set_id'])
      .where('id', '=', deviceId)
      .where('tenant_id', '=', tenantId)
      .executeTakeFirst();
    if (device === undefined) throw notFound(`device with the number ${deviceId}`);
    const open = await activeActionsOf(tx, { tenantId, deviceIds: [deviceId] });
    const isOnItsWay = open.some(({ status }) => status !== 'canceling');
    if (device.installed_set_id === setId && (isOnItsWay || device.assigned_set_id === setId)) continue;
    const { id } = await tx
      .insertInto('action')
      .values({
        ...{
          tenant_id: tenantId,
          device_id: deviceId,
          set_id: setId,
          type: 'forced',
          status: 'finished',
          is_active: 0,
        },
        ...{ created_at: now, created_by: actor, updated_at: now },
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    await writeHistory(tx, [
      { action: { id, tenantId }, status: 'finished', report: { messages: [`${actor} says that it has it.`], now } },
    ]);
    await tx
      .updateTable('device')
      .set({
        ...{ installed_set_id: setId, installed_at: now, updated_at: now },
        ...(!isOnItsWay && { assigned_set_id: setId, update_status: 'in_sync' }),
      })
      .where('id', '=', deviceId)
      .execute();
    actions.push({ id, deviceId });
    const told = { tenantId, controllerId: device.controller_id };
    events.push(updatedEvent(told, isOnItsWay ? 'pending' : 'in_sync', now, set.version));
  }
  return { actions, events };
}
