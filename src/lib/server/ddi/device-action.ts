import type { Transaction } from 'kysely';
import type { ActionEvent, ActionStatus, ActionType } from '../actions/action-status.js';
import { lockActiveActions } from '../actions/locked-action.js';
import { moveAction, type Report } from '../actions/move-action.js';
import { audit } from '../audit/audit.js';
import type { Flag, Schema } from '../database/schema.js';
import { notFound, ServerFailure } from '../http/server-failure.js';
import { type DeviceCall, type DeviceParams, knownDevice } from './device-call.js';

type ActionCall<B = unknown> = DeviceCall<DeviceParams & { actionId: number }, B>;

/** An action as its device asks for it. */
export interface DeviceAction {
  readonly id: number;
  readonly setId: number;
  readonly type: ActionType;
  readonly forcedAt: number | null;
  readonly status: ActionStatus;
  readonly isActive: boolean;
  readonly isWithdrawn: boolean;
  readonly maintenanceSchedule: string | null;
  readonly maintenanceDuration: string | null;
  readonly maintenanceTimeZone: string | null;
  readonly deviceReportedAt: number | null;
}

/**
 * The action that the path names, if it is one of this device. That a device asks for another one's is written into
 * the audit log: row 52 of the refusal catalogue.
 *
 * @throws ServerFailure 404
 */
export async function deviceAction(call: ActionCall): Promise<DeviceAction> {
  const { server, tenant, params } = call;
  const device = knownDevice(call);
  const row = await server.database.sql
    .selectFrom('action')
    .innerJoin('distribution_set', 'distribution_set.id', 'action.set_id')
    .select((query) => [
      'action.id',
      'device_id',
      'set_id as setId',
      'action.type',
      'forced_at as forcedAt',
      'action.status',
      'is_active',
      'invalidated_at',
      'maintenance_schedule as maintenanceSchedule',
      'maintenance_duration as maintenanceDuration',
      'maintenance_time_zone as maintenanceTimeZone',
      'device_reported_at as deviceReportedAt',
      query
        .selectFrom('release')
        .select(({ fn }) => fn.count<number>('release.id').as('yanked'))
        .whereRef('release.set_id', '=', 'action.set_id')
        .where('yanked_at', 'is not', null)
        .as('yanked'),
    ])
    .where('action.id', '=', params.actionId)
    .where('action.tenant_id', '=', tenant.id)
    .executeTakeFirst();
  if (row === undefined) throw notFound(`action ${params.actionId} of this device`);
  if (row.device_id !== device.id) {
    await server.database.transaction((tx) => auditStranger(tx, call));
    throw notFound(`action ${params.actionId} of this device`);
  }
  const { device_id: _, is_active, invalidated_at, yanked, status, type, ...action } = row;
  return {
    ...action,
    type: type as ActionType,
    status: status as ActionStatus,
    isActive: (is_active as Flag) === 1,
    isWithdrawn: invalidated_at !== null || (yanked ?? 0) > 0,
  };
}

function auditStranger(tx: Transaction<Schema>, { tenant, principal, params, now }: ActionCall): Promise<void> {
  return audit(tx, {
    tenantId: tenant.id,
    actor: `device:${principal.controllerId}`,
    action: 'device.refused',
    object: `action:${params.actionId}`,
    detail: { reason: 'the action is one of another device' },
    now,
  });
}

/** @throws ServerFailure 410: it has ended */
export function requireActive({ id, isActive, status }: DeviceAction): void {
  if (!isActive) throw gone(`action ${id} has ended: ${status}`);
}

export function gone(message: string): ServerFailure {
  return new ServerFailure(410, 'GONE', message);
}

/**
 * Lets an event happen to the action that the path names.
 *
 * @throws ServerFailure 410: it has ended meanwhile; 404: it cannot happen in the action's state; 429
 */
export async function moveDeviceAction(call: ActionCall, event: ActionEvent, report: Report): Promise<void> {
  const { server, tenant, params } = call;
  await server.database.transaction(async (tx) => {
    const [action] = await lockActiveActions(tx, { tenantId: tenant.id, actionIds: [params.actionId] });
    if (action === undefined) throw gone(`action ${params.actionId} has ended`);
    const events = await moveAction(tx, action, event, report);
    if (events === undefined) throw notFound(`such step for action ${action.id}, which is ${action.status}`);
    await server.events.append(tx, events);
  });
}
