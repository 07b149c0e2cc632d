import { sql } from 'kysely';
import type { Queryable } from '../database/database.js';

/** How many devices of a rollout or a group stand where; together they are all of them. */
export interface Figures {
  readonly total: number;
  /** Of a rollout or group that has not begun. */
  readonly notstarted: number;
  /** Will be given the set. */
  readonly scheduled: number;
  readonly running: number;
  readonly finished: number;
  readonly error: number;
  readonly cancelled: number;
  /** Had the set before, or were on their way to it. */
  readonly alreadyAssigned: number;
}

const NOTHING: Figures = {
  total: 0,
  notstarted: 0,
  scheduled: 0,
  running: 0,
  finished: 0,
  error: 0,
  cancelled: 0,
  alreadyAssigned: 0,
};

/** What is counted of each group. */
export interface GroupCounts {
  readonly waiting: number;
  readonly alreadyAssigned: number;
  /** Actions that have not ended; `canceling` of them are being cancelled. */
  readonly active: number;
  readonly canceling: number;
  readonly finished: number;
  readonly errors: number;
  readonly cancelled: number;
}

export const NO_COUNTS: GroupCounts = {
  waiting: 0,
  alreadyAssigned: 0,
  active: 0,
  canceling: 0,
  finished: 0,
  errors: 0,
  cancelled: 0,
};

/** Counts devices and actions of groups. @returns by the number of the group */
export async function countGroups(db: Queryable, groupIds: readonly number[]): Promise<Map<number, GroupCounts>> {
  const counts = new Map<number, { -readonly [K in keyof GroupCounts]: number }>();
  for (const id of groupIds) counts.set(id, { ...NO_COUNTS });
  if (groupIds.length === 0) return counts;
  const devices = await db
    .selectFrom('rollout_device')
    .select(['rollout_group_id', 'outcome', sql<number>`count(*)`.as('n')])
    .where('rollout_group_id', 'in', groupIds)
    .where('outcome', '!=', 'assigned')
    .groupBy(['rollout_group_id', 'outcome'])
    .execute();
  for (const { rollout_group_id, outcome, n } of devices) {
    counts.get(rollout_group_id)![outcome === 'waiting' ? 'waiting' : 'alreadyAssigned'] += n;
  }
  const actions = await db
    .selectFrom('action')
    .select(['rollout_group_id', 'status', 'is_active', sql<number>`count(*)`.as('n')])
    .where('rollout_group_id', 'in', groupIds)
    .groupBy(['rollout_group_id', 'status', 'is_active'])
    .execute();
  for (const { rollout_group_id, status, is_active, n } of actions) {
    const group = counts.get(rollout_group_id!)!;
    if (is_active === 1) {
      group.active += n;
      if (status === 'canceling') group.canceling += n;
    } else if (status === 'error') group.errors += n;
    else if (status === 'canceled') group.cancelled += n;
    else group.finished += n; // an action that only downloads ends as `downloaded`
  }
  return counts;
}

/** @param status of the rollout */
export function figuresOf(counts: GroupCounts, status: string): Figures {
  const isUnderWay = hasBegun(status);
  const { waiting, alreadyAssigned, active, finished, errors, cancelled } = counts;
  return {
    total: waiting + alreadyAssigned + active + finished + errors + cancelled,
    notstarted: isUnderWay ? 0 : waiting,
    scheduled: isUnderWay ? waiting : 0,
    running: active,
    finished,
    error: errors,
    cancelled,
    alreadyAssigned,
  };
}

export function sumOf(figures: Iterable<Figures>): Figures {
  const sum: { -readonly [K in keyof Figures]: number } = { ...NOTHING };
  for (const one of figures) for (const key of Object.keys(sum) as (keyof Figures)[]) sum[key] += one[key];
  return sum;
}

/** Whether devices of a rollout with this status that wait are still to be given the set. */
function hasBegun(status: string): boolean {
  return ['starting', 'running', 'paused', 'finished'].includes(status);
}
