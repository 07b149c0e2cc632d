import type { DeviceAction, DeviceDetail } from '../../../wire/devices.js';
import { DEVICE_FIELD_NAMES } from '../../../wire/devices.js';
import type { Queryable } from '../../database/database.js';
import { notFound } from '../../http/server-failure.js';
import { deviceViews, timeText } from './device-view.js';

/** Newest actions that are shown with a device. */
const MAX_ACTIONS = 10;

/** All that is known of a device. @throws ServerFailure 404 */
export async function showDevice(db: Queryable, tenantId: number, controllerId: string): Promise<DeviceDetail> {
  const row = await db
    .selectFrom('device')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('controller_id', '=', controllerId)
    .executeTakeFirst();
  if (row === undefined) throw notFound('device of this name');
  const [view] = await deviceViews(db, [row], DEVICE_FIELD_NAMES);
  return { ...(view as DeviceDetail), actions: await newestActions(db, row.id) };
}

async function newestActions(db: Queryable, deviceId: number): Promise<DeviceAction[]> {
  const rows = await db
    .selectFrom('action')
    .innerJoin('distribution_set', 'distribution_set.id', 'action.set_id')
    .leftJoin('rollout', 'rollout.id', 'action.rollout_id')
    .select([
      ...(['action.id', 'action.type', 'action.status', 'is_active'] as const),
      ...(['action.created_at', 'action.updated_at'] as const),
      ...(['distribution_set.name as setName', 'distribution_set.version', 'rollout.name as rolloutName'] as const),
    ])
    .where('action.device_id', '=', deviceId)
    .orderBy('action.id', 'desc')
    .limit(MAX_ACTIONS)
    .execute();
  const messages = await lastMessages(
    db,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => ({
    id: row.id,
    software: { name: row.setName, version: row.version },
    type: row.type,
    status: row.status,
    isActive: row.is_active === 1,
    rollout: row.rolloutName,
    createdAt: timeText(row.created_at),
    updatedAt: timeText(row.updated_at),
    messages: messages.get(row.id) ?? [],
  }));
}

async function lastMessages(db: Queryable, actionIds: readonly number[]): Promise<Map<number, string[]>> {
  if (actionIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('action_status')
    .select(['action_id', 'messages'])
    .where('id', 'in', (query) =>
      query
        .selectFrom('action_status')
        .select(({ fn }) => fn.max('id').as('id'))
        .where('action_id', 'in', actionIds)
        .groupBy('action_id'),
    )
    .execute();
  return new Map(rows.map(({ action_id, messages }) => [action_id, JSON.parse(messages) as string[]]));
}
