import type { Transaction } from 'kysely';
import type { Schema } from '../database/schema.js';
import type { NewEvent } from '../events/event-log.js';
import { notFound, ServerFailure } from '../http/server-failure.js';
import { statusAfter, statusesFor, type Verb } from './operator-verbs.js';
import { groupEvent, rolloutEvent } from './rollout-events.js';
import { type LockedRollout, lockRollout } from './rollout-facts.js';
import type { GroupStatus, RolloutStatus } from './rollout-status.js';

export interface WhichRollout {
  readonly tenantId: number;
  readonly rolloutId: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Does to a rollout what an operator wants; the job does what follows from it.
 *
 * @returns events for `EventLog.append`
 * @throws ServerFailure 404; 400 ROLLOUT_STATE, it is in no state for that
 */
export async function changeRollout(
  tx: Transaction<Schema>,
  verb: Verb,
  { decision, ...which }: WhichRollout & { decision?: { readonly by: string; readonly remark: string | undefined } },
): Promise<NewEvent[]> {
  const { rollout } = await existing(tx, which);
  const status = statusAfter(verb, rollout.status as RolloutStatus);
  if (status === undefined) throw illegalState(rollout, `${verb} needs ${statusesFor(verb).join(' or ')}`);
  await tx
    .updateTable('rollout')
    .set({
      ...{ status, updated_at: which.now },
      ...(decision && { decided_by: decision.by, decision_remark: decision.remark ?? null }),
    })
    .where('id', '=', rollout.id)
    .execute();
  if (verb === 'resume') await countSilenceFromNow(tx, rollout.id, which.now);
  return [rolloutEvent(rollout, { status, now: which.now })];
}

/** Devices that were held back while it was paused have not been silent. */
async function countSilenceFromNow(tx: Transaction<Schema>, rolloutId: number, now: number): Promise<void> {
  await tx
    .updateTable('action')
    .set({ updated_at: now })
    .where('rollout_id', '=', rolloutId)
    .where('is_active', '=', 1)
    .where('device_reported_at', 'is', null)
    .execute();
}

/**
 * Starts the next group, whatever its conditions say.
 *
 * @throws ServerFailure 404; 400 ROLLOUT_STATE
 */
export async function startNextGroup(tx: Transaction<Schema>, which: WhichRollout): Promise<NewEvent[]> {
  const { rollout, groups } = await existing(tx, which);
  if (rollout.status !== 'running') throw illegalState(rollout, 'triggerNextGroup needs running');
  const next = groups.find(({ status }) => status === 'scheduled');
  if (next === undefined) throw illegalState(rollout, 'and has no group left to start');
  const status: GroupStatus = 'running';
  await tx.updateTable('rollout_group').set({ status }).where('id', '=', next.id).execute();
  return [groupEvent(rollout, next, { status, now: which.now, reason: 'triggered' })];
}

/** @throws ServerFailure 404 */
async function existing(tx: Transaction<Schema>, which: WhichRollout): Promise<LockedRollout> {
  const locked = await lockRollout(tx, which);
  if (locked === undefined) throw notFound(`rollout ${which.rolloutId}`);
  return locked;
}

function illegalState({ id, status }: { id: number; status: string }, expected: string): ServerFailure {
  return new ServerFailure(400, 'ROLLOUT_STATE', `rollout ${id} is ${status}, ${expected}`);
}
