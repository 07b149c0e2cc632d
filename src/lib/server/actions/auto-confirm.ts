import type { Transaction } from 'kysely';
import type { Schema } from '../database/schema.js';
import type { NewEvent } from '../events/event-log.js';
import { activeActionsOf, lockDevices } from './locked-action.js';
import { moveAction } from './move-action.js';

export interface AutoConfirmChange {
  readonly tenantId: number;
  readonly deviceId: number;
  readonly isActive: boolean;
  readonly actor: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Lets a device confirm by itself from now on, what waits already too, or wait again.
 *
 * @returns events for `EventLog.append`
 */
export async function setAutoConfirm(tx: Transaction<Schema>, change: AutoConfirmChange): Promise<NewEvent[]> {
  const { tenantId, deviceId, isActive, actor, now } = change;
  await lockDevices(tx, [deviceId]);
  await tx
    .updateTable('device')
    .set({ is_auto_confirmed: isActive ? 1 : 0, updated_at: now })
    .where('id', '=', deviceId)
    .where('tenant_id', '=', tenantId)
    .execute();
  if (!isActive) return [];
  const events: NewEvent[] = [];
  for (const action of await activeActionsOf(tx, { tenantId, deviceIds: [deviceId] })) {
    const report = { messages: [`${actor} confirms everything from now on.`], now };
    events.push(...((await moveAction(tx, action, { kind: 'confirm' }, report)) ?? []));
  }
  return events;
}
