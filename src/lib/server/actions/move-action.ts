import type { Transaction } from 'kysely';
import { chunksOf } from '../database/chunks.js';
import type { Schema } from '../database/schema.js';
import type { NewEvent } from '../events/event-log.js';
import { ServerFailure } from '../http/server-failure.js';
import { type ActionEvent, type ActionStatus, type HistoryStatus, isActive, nextStatus } from './action-status.js';
import { type DeviceSoftware, softwareAfter, type UpdateStatus } from './device-software.js';
import type { LockedAction } from './locked-action.js';

/** Entries of one action's history; beyond, a device may only end it. */
export const MAX_HISTORY_ENTRIES = 1000;

/** What whoever caused it has to say. */
export interface Report {
  readonly messages: readonly string[];
  readonly code?: number | undefined;
  /** By the clock of who reports, milliseconds since 1970; absent: now. */
  readonly occurredAt?: number | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Lets an event happen to a locked action: its state, its history, and what its device is meant to have and has.
 *
 * @returns what to tell; undefined: it cannot happen in this state, and nothing has changed
 * @throws ServerFailure 429 when the device has told too much of it already
 */
export async function moveAction(
  tx: Transaction<Schema>,
  action: LockedAction,
  event: ActionEvent,
  report: Report,
): Promise<NewEvent[] | undefined> {
  const transition = nextStatus(action.status, action.type, event);
  if (transition === undefined) return undefined;
  const { status, recorded } = transition;
  const { now, code } = report;
  const isOpen = isActive(status, action.type);
  if (recorded !== undefined) {
    if (isOpen && event.kind !== 'retrieve' && isOfDevice(event)) await refuseFlood(tx, action.id);
    await writeHistory(tx, [{ action, status: recorded, report }]);
  }
  await tx
    .updateTable('action')
    .set({
      status,
      is_active: isOpen ? 1 : 0,
      updated_at: now,
      ...(code !== undefined && { last_status_code: code }),
      ...(isOfDevice(event) && { device_reported_at: now }),
    })
    .where('id', '=', action.id)
    .execute();
  const events = status === action.status ? [] : [actionEvent(action, status, now)];
  return isOpen ? events : [...events, ...(await settleDevice(tx, { ...action, status }, now))];
}

function isOfDevice({ kind }: ActionEvent): boolean {
  return kind === 'retrieve' || kind === 'report' || kind === 'answer-cancel';
}

export interface HistoryEntry {
  readonly action: Pick<LockedAction, 'id' | 'tenantId'>;
  readonly status: HistoryStatus;
  readonly report: Report;
}

export async function writeHistory(tx: Transaction<Schema>, entries: readonly HistoryEntry[]): Promise<void> {
  for (const chunk of chunksOf(entries, 7)) {
    await tx
      .insertInto('action_status')
      .values(
        chunk.map(({ action, status, report: { messages, code = null, now, occurredAt = now } }) => ({
          tenant_id: action.tenantId,
          action_id: action.id,
          status,
          code,
          occurred_at: occurredAt,
          reported_at: now,
          messages: JSON.stringify(messages),
        })),
      )
      .execute();
  }
}

async function refuseFlood(tx: Transaction<Schema>, actionId: number): Promise<void> {
  const { entries } = await tx
    .selectFrom('action_status')
    .select(({ fn }) => fn.countAll<number>().as('entries'))
    .where('action_id', '=', actionId)
    .executeTakeFirstOrThrow();
  if (entries < MAX_HISTORY_ENTRIES) return;
  throw new ServerFailure(
    429,
    'TOO_MANY_REPORTS',
    `action ${actionId} has ${MAX_HISTORY_ENTRIES} reports already, only one that closes it is accepted`,
  );
}

async function settleDevice(tx: Transaction<Schema>, ended: LockedAction, now: number): Promise<NewEvent[]> {
  const row = await tx
    .selectFrom('device')
    .select(['assigned_set_id', 'installed_set_id', 'update_status'])
    .where('id', '=', ended.deviceId)
    .executeTakeFirstOrThrow();
  const next = await tx
    .selectFrom('action')
    .select('set_id')
    .where('device_id', '=', ended.deviceId)
    .where('is_active', '=', 1)
    .where('status', '!=', 'canceling' satisfies ActionStatus)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  const before: DeviceSoftware = {
    assignedSetId: row.assigned_set_id,
    installedSetId: row.installed_set_id,
    updateStatus: row.update_status as UpdateStatus,
  };
  const after = softwareAfter(before, ended, next?.set_id);
  const isInstalled = ended.status === 'finished';
  await tx
    .updateTable('device')
    .set({
      assigned_set_id: after.assignedSetId,
      installed_set_id: after.installedSetId,
      update_status: after.updateStatus,
      updated_at: now,
      ...(isInstalled && { installed_at: now }),
    })
    .where('id', '=', ended.deviceId)
    .execute();
  if (after.updateStatus === before.updateStatus && !isInstalled) return [];
  return [updatedEvent(ended, after.updateStatus, now, isInstalled ? ended.setVersion : undefined)];
}

type Told = Pick<LockedAction, 'id' | 'tenantId' | 'controllerId' | 'setName' | 'setVersion' | 'rolloutId'>;

export function actionEvent(action: Told, status: ActionStatus, now: number): NewEvent {
  return {
    tenantId: action.tenantId,
    type: 'status',
    device: action.controllerId,
    time: now,
    body: {
      event: 'action',
      action: action.id,
      status,
      set: { name: action.setName, version: action.setVersion },
      ...(action.rolloutId !== null && { rollout: action.rolloutId }),
    },
  };
}

/** @param version of what has just been installed */
export function updatedEvent(
  { tenantId, controllerId }: Pick<LockedAction, 'tenantId' | 'controllerId'>,
  updateStatus: UpdateStatus,
  now: number,
  version?: string,
): NewEvent {
  return {
    tenantId,
    type: 'status',
    device: controllerId,
    time: now,
    body: { event: 'updated', updateStatus, ...(version !== undefined && { version }) },
  };
}
