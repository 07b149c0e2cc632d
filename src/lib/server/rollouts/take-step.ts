import { sql, type Transaction } from 'kysely';
import type { TenantSettings } from '../access/tenant-settings.js';
import type { ActionType } from '../actions/action-status.js';
import { assignSet } from '../actions/assign-set.js';
import { cancelActions } from '../actions/cancel-action.js';
import type { Schema } from '../database/schema.js';
import type { NewEvent } from '../events/event-log.js';
import { groupSize } from './group-plan.js';
import { nextStep, type Step } from './next-step.js';
import { rolloutCondition } from './rollout-devices.js';
import { groupEvent, rolloutEvent } from './rollout-events.js';
import { factsOf, type GroupRow, type LockedRollout, lockRollout } from './rollout-facts.js';
import { countGroups, type Figures, figuresOf, sumOf } from './rollout-figures.js';
import type { GroupStatus } from './rollout-status.js';

/** Devices of one step: few enough that devices which poll meanwhile do not notice. */
export const DEVICES_PER_STEP = 1000;

export interface StepOptions {
  readonly tenantId: number;
  readonly rolloutId: number;
  readonly settings: TenantSettings;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Decides what is to be done with a rollout and does it, all in the caller's transaction.
 *
 * @returns events for `EventLog.append`; undefined: there is nothing to be done now
 */
export async function takeStep(tx: Transaction<Schema>, options: StepOptions): Promise<NewEvent[] | undefined> {
  const locked = await lockRollout(tx, options);
  if (locked === undefined) return undefined;
  const needsApproval = options.settings['rollout.approval.enabled'];
  const step = nextStep(await factsOf(tx, locked, { needsApproval }), options.now);
  return step === undefined ? undefined : doStep({ tx, ...locked, ...options }, step);
}

interface Doing extends LockedRollout, StepOptions {
  readonly tx: Transaction<Schema>;
}

async function doStep(doing: Doing, step: Step): Promise<NewEvent[]> {
  const { groups } = doing;
  switch (step.kind) {
    case 'fill':
      return fill(doing, groupOf(groups, step.groupId));
    case 'become':
      return become(doing, step.status);
    case 'begin':
      return begin(doing);
    case 'give':
      return give(doing, groupOf(groups, step.groupId));
    case 'fail':
      return fail(doing, step);
    case 'finish-group':
      return setGroup(doing, groupOf(groups, step.groupId), 'finished');
    case 'succeed':
      return succeed(doing, step);
    case 'start-group':
      return setGroup(doing, groupOf(groups, step.groupId), 'running');
    case 'cancel':
      return cancel(doing, step.isForced);
    case 'remove':
      return remove(doing);
  }
}

function groupOf(groups: readonly GroupRow[], id: number): GroupRow {
  return groups.find((group) => group.id === id)!;
}

/** Counts what a group is to get, then puts devices into it, in the order of their numbers. */
async function fill(doing: Doing, group: GroupRow): Promise<NewEvent[]> {
  const { tx, tenantId, rollout, groups, settings, now } = doing;
  const matching = [rollout.query, group.query]
    .filter((query) => query !== '')
    .map((query) => rolloutCondition(query, { tenantId, settings, now }))
    .reduce(
      (query, condition) => query.where(condition),
      tx.selectFrom('device').where('device.tenant_id', '=', tenantId),
    )
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('rollout_device')
            .select(sql`1`.as('one'))
            .where('rollout_device.rollout_id', '=', rollout.id)
            .whereRef('rollout_device.device_id', '=', 'device.id'),
        ),
      ),
    );
  if (group.wanted_devices === null) {
    const { n } = await matching.select(sql<number>`count(*)`.as('n')).executeTakeFirstOrThrow();
    const wanted = groupSize(group.percentage, n);
    await tx.updateTable('rollout_group').set({ wanted_devices: wanted }).where('id', '=', group.id).execute();
    return [];
  }
  const { have, last } = await tx
    .selectFrom('rollout_device')
    .select([sql<number>`count(*)`.as('have'), sql<number | null>`max(device_id)`.as('last')])
    .where('rollout_group_id', '=', group.id)
    .executeTakeFirstOrThrow();
  const wanted = Math.min(group.wanted_devices - have, DEVICES_PER_STEP);
  const chosen = await matching
    .select([
      sql<number>`${group.id}`.as('rollout_group_id'),
      'device.id as device_id',
      sql<number>`${rollout.id}`.as('rollout_id'),
      sql<number>`${tenantId}`.as('tenant_id'),
    ])
    .where('device.id', '>', last ?? 0)
    .orderBy('device.id')
    .limit(Math.max(0, wanted))
    .execute();
  if (chosen.length > 0) {
    await tx
      .insertInto('rollout_device')
      .values(
        chosen.map(({ device_id }) => ({
          ...{ rollout_group_id: group.id, device_id, rollout_id: rollout.id },
          ...{ tenant_id: tenantId, outcome: 'waiting' },
        })),
      )
      .execute();
    return [];
  }
  // All that were wanted, or all that are left: some may have been deleted or changed since they were counted.
  await tx
    .updateTable('rollout_group')
    .set({ status: 'ready' satisfies GroupStatus, total_devices: have })
    .where('id', '=', group.id)
    .execute();
  const total = groups.reduce((sum, { id, total_devices }) => sum + (id === group.id ? have : total_devices), 0);
  await tx.updateTable('rollout').set({ total_devices: total }).where('id', '=', rollout.id).execute();
  return [groupEvent(rollout, group, { status: 'ready', now, figures: await groupFigures(doing, group) })];
}

async function become(doing: Doing, status: string, reason?: string): Promise<NewEvent[]> {
  const { tx, rollout, now } = doing;
  await tx
    .updateTable('rollout')
    .set({ status, updated_at: now, ...(status === 'deleted' && { deleted_at: now }) })
    .where('id', '=', rollout.id)
    .execute();
  return [rolloutEvent(rollout, { status, now, reason, figures: await rolloutFigures(doing, status) })];
}

async function begin(doing: Doing): Promise<NewEvent[]> {
  const { tx, rollout, groups } = doing;
  await tx
    .updateTable('rollout_group')
    .set({ status: 'scheduled' satisfies GroupStatus })
    .where('rollout_id', '=', rollout.id)
    .execute();
  const [first] = groups;
  return [...(await become(doing, 'running')), ...(first === undefined ? [] : await setGroup(doing, first, 'running'))];
}

/** Those that have no action yet are given one; a step that was cut off has given none. */
async function give(doing: Doing, group: GroupRow): Promise<NewEvent[]> {
  const { tx, tenantId, rollout, now } = doing;
  const rows = await tx
    .selectFrom('rollout_device')
    .select('device_id')
    .where('rollout_group_id', '=', group.id)
    .where('outcome', '=', 'waiting')
    .orderBy('device_id')
    .limit(DEVICES_PER_STEP)
    .execute();
  const deviceIds = rows.map(({ device_id }) => device_id);
  const { actions, alreadyAssigned, events } = await assignSet(tx, {
    ...{ tenantId, deviceIds, setId: rollout.set_id, type: rollout.action_type as ActionType },
    ...{ forcedAt: rollout.forced_at, weight: rollout.weight },
    confirmationRequired: group.is_confirmation_required === 1,
    ...{ rolloutId: rollout.id, groupId: group.id, actor: rollout.created_by, now },
  });
  const assigned = new Set(actions.map(({ deviceId }) => deviceId));
  const mark = async (ids: readonly number[], outcome: 'assigned' | 'already') => {
    if (ids.length === 0) return;
    await tx
      .updateTable('rollout_device')
      .set({ outcome })
      .where('rollout_group_id', '=', group.id)
      .where('device_id', 'in', ids)
      .execute();
  };
  await mark([...assigned], 'assigned');
  const already = deviceIds.filter((id) => !assigned.has(id));
  await mark(already, 'already');
  if (alreadyAssigned === 0) return [...events];
  // Said aloud: nothing is done for them, and a rollout of nothing else ends at once (hawkbit#735).
  const figures = await groupFigures(doing, group);
  return [...events, groupEvent(rollout, group, { status: group.status, now, figures, reason: 'alreadyAssigned' })];
}

async function fail(doing: Doing, { groupIds, reason }: Extract<Step, { kind: 'fail' }>): Promise<NewEvent[]> {
  const events: NewEvent[] = [];
  for (const id of groupIds) events.push(...(await setGroup(doing, groupOf(doing.groups, id), 'error', reason)));
  return [...events, ...(await become(doing, 'paused', reason))];
}

async function succeed(
  doing: Doing,
  { groupId, next, pauses }: Extract<Step, { kind: 'succeed' }>,
): Promise<NewEvent[]> {
  const { tx, groups, now } = doing;
  await tx.updateTable('rollout_group').set({ succeeded_at: now }).where('id', '=', groupId).execute();
  if (next !== undefined) return setGroup(doing, groupOf(groups, next), 'running');
  return pauses ? become(doing, 'paused', 'successAction') : [];
}

async function setGroup(doing: Doing, group: GroupRow, status: GroupStatus, reason?: string): Promise<NewEvent[]> {
  const { tx, rollout, now } = doing;
  await tx.updateTable('rollout_group').set({ status }).where('id', '=', group.id).execute();
  return [groupEvent(rollout, group, { status, now, reason, figures: await groupFigures(doing, group) })];
}

async function cancel({ tx, tenantId, rollout, now }: Doing, isForced: boolean): Promise<NewEvent[]> {
  const query = tx
    .selectFrom('action')
    .select('id')
    .where('rollout_id', '=', rollout.id)
    .where('is_active', '=', 1)
    .orderBy('id')
    .limit(DEVICES_PER_STEP / 4);
  const rows = await (isForced ? query : query.where('status', '!=', 'canceling')).execute();
  const actor = rollout.decided_by ?? rollout.created_by;
  return cancelActions(tx, { tenantId, actor, now, isForced, actionIds: rows.map(({ id }) => id) });
}

/** Some devices at a time, then the rollout itself. */
async function remove(doing: Doing): Promise<NewEvent[]> {
  const { tx, rollout, now } = doing;
  const { numDeletedRows } = await tx
    .deleteFrom('rollout_device')
    .where('rollout_id', '=', rollout.id)
    .where('device_id', 'in', (eb) =>
      eb.selectFrom('rollout_device').select('device_id').where('rollout_id', '=', rollout.id).limit(DEVICES_PER_STEP),
    )
    .executeTakeFirstOrThrow();
  if (numDeletedRows > 0n) return [];
  await tx.deleteFrom('rollout').where('id', '=', rollout.id).execute();
  return [rolloutEvent(rollout, { status: 'deleted', now })];
}

async function groupFigures({ tx, rollout }: Doing, group: GroupRow): Promise<Figures> {
  const counts = await countGroups(tx, [group.id]);
  return figuresOf(counts.get(group.id)!, rollout.status);
}

async function rolloutFigures({ tx, groups }: Doing, status: string): Promise<Figures> {
  const counts = await countGroups(
    tx,
    groups.map(({ id }) => id),
  );
  return sumOf([...counts.values()].map((one) => figuresOf(one, status)));
}
