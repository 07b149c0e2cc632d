import type { Transaction } from 'kysely';
import { chunksOf } from '../database/chunks.js';
import type { Flag, Schema } from '../database/schema.js';
import type { NewEvent } from '../events/event-log.js';
import { badRequest } from '../http/server-failure.js';
import type { ActionStatus, ActionType } from './action-status.js';
import { type AssignableSet, assignableSet } from './assignable-set.js';
import { activeActionsOf, type LockedAction, lockDevices } from './locked-action.js';
import { checkMaintenance, type Maintenance } from './maintenance-window.js';
import { actionEvent, type HistoryEntry, updatedEvent, writeHistory } from './move-action.js';
import { reportedImage } from './reported-image.js';

export interface Assignment {
  readonly tenantId: number;
  readonly deviceIds: readonly number[];
  readonly setId: number;
  readonly type: ActionType;
  /** When `timeforced` becomes forced, milliseconds since 1970. */
  readonly forcedAt?: number | null | undefined;
  /** Which of several actions a device is offered first: the heaviest; 1000 unless said. */
  readonly weight?: number | null | undefined;
  /** When the device may install; any time unless said. */
  readonly maintenance?: Maintenance | undefined;
  /** Somebody has to agree first, unless the device agrees to everything. */
  readonly confirmationRequired: boolean;
  readonly rolloutId?: number | undefined;
  readonly groupId?: number | undefined;
  readonly actor: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface Assigned {
  /** Devices that have a new action. */
  readonly assigned: number;
  /** Devices that have this set, or are on their way to it: nothing was done for them. */
  readonly alreadyAssigned: number;
  /** One for each device that was assigned, in the order of the devices. */
  readonly actions: readonly { readonly id: number; readonly deviceId: number }[];
  /** For `EventLog.append`, which has to be the last statement of the transaction. */
  readonly events: readonly NewEvent[];
}

/**
 * Gives devices a distribution set. What they were on their way to is cancelled softly: the device is asked.
 *
 * A device that reports other images than those of the set is given it again although it had it: it has rolled back
 * by itself (hawkbit#446).
 *
 * @throws ServerFailure 404 for a set or device that the tenant does not have, 400 as `assignableSet`, and for a
 *   maintenance window that never comes
 */
export async function assignSet(tx: Transaction<Schema>, assignment: Assignment): Promise<Assigned> {
  const { tenantId, setId, now } = assignment;
  if (assignment.maintenance !== undefined) checkMaintenance(assignment.maintenance, now);
  const set = await assignableSet(tx, { tenantId, setId });
  const deviceIds = [...new Set(assignment.deviceIds)];
  await lockDevices(tx, deviceIds);
  const devices = await knownDevices(tx, tenantId, deviceIds);
  const active = Map.groupBy(await activeActionsOf(tx, { tenantId, deviceIds }), ({ deviceId }) => deviceId);
  const rolledBack = await devicesWithout(tx, set, devices);
  const wanting = devices.filter((device) => {
    const isOnItsWay = active.get(device.id)?.some((action) => action.setId === setId && action.status !== 'canceling');
    return (
      !isOnItsWay &&
      (device.installed_set_id !== setId || device.assigned_set_id !== setId || rolledBack.has(device.id))
    );
  });
  const superseded = wanting.flatMap(({ id }) => active.get(id) ?? []).filter(({ status }) => status !== 'canceling');
  const events = await supersede(tx, superseded, set, now);
  const actions = await insertActions(tx, wanting, assignment);
  await writeHistory(
    tx,
    actions.map(({ action }) => entryOf(action, assignment)),
  );
  await tell(tx, wanting, assignment);
  for (const { action, device } of actions) {
    const told = { ...action, controllerId: device.controller_id, setName: set.name, setVersion: set.version };
    events.push(actionEvent({ ...told, rolloutId: assignment.rolloutId ?? null }, action.status, now));
    if (device.update_status !== 'pending') events.push(updatedEvent(told, 'pending', now));
  }
  return {
    assigned: actions.length,
    alreadyAssigned: devices.length - wanting.length,
    actions: actions.map(({ action, device }) => ({ id: action.id, deviceId: device.id })),
    events,
  };
}

interface DeviceRow {
  readonly id: number;
  readonly controller_id: string;
  readonly assigned_set_id: number | null;
  readonly installed_set_id: number | null;
  readonly update_status: string;
  readonly is_auto_confirmed: Flag;
}

async function knownDevices(tx: Transaction<Schema>, tenantId: number, deviceIds: readonly number[]) {
  const rows = new Map<number, DeviceRow>();
  for (const ids of chunksOf(deviceIds, 1)) {
    const found = await tx
      .selectFrom('device')
      .select(['id', 'controller_id', 'assigned_set_id', 'installed_set_id', 'update_status', 'is_auto_confirmed'])
      .where('tenant_id', '=', tenantId)
      .where('id', 'in', ids)
      .execute();
    for (const row of found) rows.set(row.id, row);
  }
  return deviceIds.map((id) => {
    const row = rows.get(id);
    if (row === undefined) throw badRequest(`there is no device with the number ${id}`);
    return row;
  });
}

/** Devices that had the set and tell of an image that is none of its. */
async function devicesWithout(
  tx: Transaction<Schema>,
  set: AssignableSet,
  devices: readonly DeviceRow[],
): Promise<Set<number>> {
  const having = devices.filter(({ installed_set_id }) => installed_set_id === set.id).map(({ id }) => id);
  const others = new Set<number>();
  for (const [component, sha256] of Object.entries(set.targets)) {
    for (const ids of chunksOf(having, 1)) {
      const rows = await tx
        .selectFrom('device_attribute')
        .select('device_id')
        .where('device_id', 'in', ids)
        .where('name', '=', reportedImage(component))
        .where('value', '!=', sha256)
        .execute();
      for (const { device_id } of rows) others.add(device_id);
    }
  }
  return others;
}

async function supersede(
  tx: Transaction<Schema>,
  actions: readonly LockedAction[],
  by: AssignableSet,
  now: number,
): Promise<NewEvent[]> {
  for (const chunk of chunksOf(actions, 1)) {
    await tx
      .updateTable('action')
      .set({ status: 'canceling' satisfies ActionStatus, updated_at: now })
      .where(
        'id',
        'in',
        chunk.map(({ id }) => id),
      )
      .execute();
  }
  const report = { messages: [`${by.name} ${by.version} was assigned instead.`], now };
  await writeHistory(
    tx,
    actions.map((action) => ({ action, status: 'canceling', report })),
  );
  return actions.map((action) => actionEvent(action, 'canceling', now));
}

interface MadeAction {
  readonly device: DeviceRow;
  readonly action: { readonly id: number; readonly tenantId: number; readonly status: ActionStatus };
}

async function insertActions(
  tx: Transaction<Schema>,
  devices: readonly DeviceRow[],
  assignment: Assignment,
): Promise<MadeAction[]> {
  const { tenantId, now, maintenance } = assignment;
  const statusFor = ({ is_auto_confirmed }: DeviceRow): ActionStatus =>
    assignment.confirmationRequired && is_auto_confirmed === 0 ? 'wait_for_confirmation' : 'running';
  const made = new Map<number, number>();
  for (const chunk of chunksOf(devices, 18)) {
    const rows = await tx
      .insertInto('action')
      .values(
        chunk.map((device) => ({
          tenant_id: tenantId,
          device_id: device.id,
          set_id: assignment.setId,
          type: assignment.type,
          forced_at: assignment.forcedAt ?? null,
          status: statusFor(device),
          is_active: 1,
          weight: assignment.weight ?? null,
          maintenance_schedule: maintenance?.schedule ?? null,
          maintenance_duration: maintenance?.duration ?? null,
          maintenance_time_zone: maintenance?.timezone ?? null,
          rollout_id: assignment.rolloutId ?? null,
          rollout_group_id: assignment.groupId ?? null,
          created_at: now,
          created_by: assignment.actor,
          updated_at: now,
        })),
      )
      .returning(['id', 'device_id'])
      .execute();
    for (const { id, device_id } of rows) made.set(device_id, id);
  }
  return devices.map((device) => ({
    device,
    action: { id: made.get(device.id)!, tenantId, status: statusFor(device) },
  }));
}

function entryOf(action: MadeAction['action'], { actor, now }: Assignment): HistoryEntry {
  const waits = action.status === 'wait_for_confirmation' ? ' It waits for a confirmation.' : '';
  return { action, status: action.status, report: { messages: [`${actor} assigned it.${waits}`], now } };
}

async function tell(tx: Transaction<Schema>, devices: readonly DeviceRow[], { setId, now }: Assignment): Promise<void> {
  for (const chunk of chunksOf(devices, 1)) {
    await tx
      .updateTable('device')
      .set({ assigned_set_id: setId, update_status: 'pending', updated_at: now })
      .where(
        'id',
        'in',
        chunk.map(({ id }) => id),
      )
      .execute();
  }
}
