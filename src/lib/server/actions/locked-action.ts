import type { Transaction } from 'kysely';
import { chunksOf } from '../database/chunks.js';
import type { Schema } from '../database/schema.js';
import type { ActionStatus, ActionType } from './action-status.js';

/** An action together with what it concerns; nobody else changes it or its device until the transaction ends. */
export interface LockedAction {
  readonly id: number;
  readonly tenantId: number;
  readonly deviceId: number;
  readonly controllerId: string;
  readonly setId: number;
  readonly setName: string;
  readonly setVersion: string;
  readonly type: ActionType;
  readonly status: ActionStatus;
  readonly rolloutId: number | null;
  readonly rolloutGroupId: number | null;
  /** When the device last told of it; null: never. */
  readonly deviceReportedAt: number | null;
}

/** Makes other processes wait that want to change the actions of these devices. SQLite has one writer anyway. */
export async function lockDevices(tx: Transaction<Schema>, deviceIds: readonly number[]): Promise<void> {
  if (!tx.getExecutor().adapter.supportsMultipleConnections) return;
  // All take them in the same order, so that nobody waits in a circle.
  for (const ids of chunksOf(
    [...deviceIds].sort((a, b) => a - b),
    1,
  )) {
    await tx.selectFrom('device').select('id').where('id', 'in', ids).orderBy('id').forNoKeyUpdate().execute();
  }
}

/** Those among the actions that are active, in the order of their ids. */
export async function lockActiveActions(
  tx: Transaction<Schema>,
  { tenantId, actionIds }: { tenantId: number; actionIds: readonly number[] },
): Promise<LockedAction[]> {
  const locked: LockedAction[] = [];
  for (const ids of chunksOf(
    [...actionIds].sort((a, b) => a - b),
    1,
  )) {
    const devices = await tx.selectFrom('action').select('device_id').where('id', 'in', ids).execute();
    await lockDevices(tx, [...new Set(devices.map(({ device_id }) => device_id))]);
    const rows = await activeActions(tx, tenantId).where('action.id', 'in', ids).execute();
    locked.push(...(rows as LockedAction[]));
  }
  return locked;
}

/** The active actions of locked devices, in the order of their ids. */
export async function activeActionsOf(
  tx: Transaction<Schema>,
  { tenantId, deviceIds }: { tenantId: number; deviceIds: readonly number[] },
): Promise<LockedAction[]> {
  const found: LockedAction[] = [];
  for (const ids of chunksOf(deviceIds, 1)) {
    const rows = await activeActions(tx, tenantId).where('action.device_id', 'in', ids).execute();
    found.push(...(rows as LockedAction[]));
  }
  return found;
}

function activeActions(tx: Transaction<Schema>, tenantId: number) {
  return tx
    .selectFrom('action')
    .innerJoin('device', 'device.id', 'action.device_id')
    .innerJoin('distribution_set', 'distribution_set.id', 'action.set_id')
    .select([
      'action.id',
      'action.tenant_id as tenantId',
      'action.device_id as deviceId',
      'device.controller_id as controllerId',
      'action.set_id as setId',
      'distribution_set.name as setName',
      'distribution_set.version as setVersion',
      'action.type',
      'action.status',
      'action.rollout_id as rolloutId',
      'action.rollout_group_id as rolloutGroupId',
      'action.device_reported_at as deviceReportedAt',
    ])
    .where('action.tenant_id', '=', tenantId)
    .where('action.is_active', '=', 1)
    .orderBy('action.id');
}
