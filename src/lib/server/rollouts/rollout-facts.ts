import type { Selectable, Transaction } from 'kysely';
import type { Schema } from '../database/schema.js';
import type { GroupFacts, RolloutFacts } from './next-step.js';
import { countGroups, type GroupCounts, NO_COUNTS } from './rollout-figures.js';
import type { GroupStatus, RolloutStatus } from './rollout-status.js';

export type RolloutRow = Selectable<Schema['rollout']>;
export type GroupRow = Selectable<Schema['rollout_group']>;

/** A rollout and its groups; nobody else changes them until the transaction ends. */
export interface LockedRollout {
  readonly rollout: RolloutRow;
  /** In their order. */
  readonly groups: readonly GroupRow[];
}

/** @returns undefined: there is none, or none any more */
export async function lockRollout(
  tx: Transaction<Schema>,
  { tenantId, rolloutId }: { tenantId: number; rolloutId: number },
): Promise<LockedRollout | undefined> {
  const query = tx
    .selectFrom('rollout')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('id', '=', rolloutId)
    .where('deleted_at', 'is', null);
  const isShared = tx.getExecutor().adapter.supportsMultipleConnections;
  const rollout = await (isShared ? query.forNoKeyUpdate() : query).executeTakeFirst();
  if (rollout === undefined) return undefined;
  const groups = await tx
    .selectFrom('rollout_group')
    .selectAll()
    .where('rollout_id', '=', rolloutId)
    .orderBy('position')
    .execute();
  return { rollout, groups };
}

/** What is decided on. */
export async function factsOf(
  tx: Transaction<Schema>,
  { rollout, groups }: LockedRollout,
  { needsApproval }: { needsApproval: boolean },
): Promise<RolloutFacts> {
  const status = rollout.status as RolloutStatus;
  const isCounted = status === 'running' || status === 'stopping' || status === 'deleting';
  const ids = isCounted ? groups.map(({ id }) => id) : [];
  const counts = await countGroups(tx, ids);
  const all = [...counts.values()];
  return {
    status,
    startAt: rollout.start_at,
    needsApproval,
    groups: groups.map((group) => groupFacts(group, counts.get(group.id))),
    active: all.reduce((sum, { active }) => sum + active, 0),
    uncancelled: all.reduce((sum, { active, canceling }) => sum + active - canceling, 0),
    wasStarted: groups.some((group) => group.status !== 'creating' && group.status !== 'ready'),
  };
}

function groupFacts(group: GroupRow, counts: GroupCounts = NO_COUNTS): GroupFacts {
  const { waiting, alreadyAssigned, active, finished, errors, cancelled } = counts;
  return {
    id: group.id,
    status: group.status as GroupStatus,
    total: waiting + alreadyAssigned + active + finished + errors + cancelled,
    waiting,
    alreadyAssigned,
    active,
    finished,
    errors,
    successThreshold: group.success_threshold,
    successAction: group.success_action as 'nextgroup' | 'pause',
    errorThreshold: group.error_threshold,
    hasSucceeded: group.succeeded_at !== null,
  };
}
