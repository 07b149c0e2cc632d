import { sql, type Transaction } from 'kysely';
import { escapeText } from '../../core/text.js';
import type { TenantSettings } from '../access/tenant-settings.js';
import type { ActionType } from '../actions/action-status.js';
import { assignableSet } from '../actions/assignable-set.js';
import { chunksOf } from '../database/chunks.js';
import type { Schema } from '../database/schema.js';
import type { NewEvent } from '../events/event-log.js';
import { badRequest, conflict, ServerFailure } from '../http/server-failure.js';
import { groupSizes } from './group-plan.js';
import { rolloutCondition } from './rollout-devices.js';
import { rolloutEvent } from './rollout-events.js';
import type { RolloutRow } from './rollout-facts.js';

/** When a group has gone well enough for the next one, and when so badly that the rollout pauses. */
export interface GroupConditions {
  /** Percent. */
  readonly successThreshold: number;
  readonly successAction: 'nextgroup' | 'pause';
  /** Percent; null: errors stop nothing. */
  readonly errorThreshold: number | null;
}

export const DEFAULT_CONDITIONS: GroupConditions = {
  successThreshold: 50,
  successAction: 'nextgroup',
  errorThreshold: 50,
};

export interface NewGroup extends GroupConditions {
  readonly name: string;
  readonly description?: string | undefined;
  /** FIQL: which of the rollout's devices; empty: any. */
  readonly query: string;
  /** Of those that no earlier group took. */
  readonly percentage: number;
  readonly isConfirmationRequired: boolean;
}

export interface NewRollout {
  readonly name: string;
  readonly description?: string | undefined;
  readonly setId: number;
  /** FIQL. */
  readonly query: string;
  readonly actionType: ActionType;
  /** For `timeforced`, milliseconds since 1970. */
  readonly forcedAt?: number | undefined;
  readonly startAt?: number | undefined;
  readonly weight?: number | undefined;
  readonly groups: readonly NewGroup[];
}

export interface CreateRolloutOptions {
  readonly tenantId: number;
  readonly settings: TenantSettings;
  readonly createdBy: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Makes a rollout; the job then puts devices into its groups.
 *
 * @returns the rollout, and events for `EventLog.append`
 * @throws ServerFailure 409 for a name that is taken, 400 ROLLOUT_UNVERIFIED when it is for no device or leaves some out,
 *   and those of `assignableSet`; OtaError USAGE for a query that cannot be understood
 */
export async function createRollout(
  tx: Transaction<Schema>,
  wanted: NewRollout,
  { tenantId, settings, createdBy, now }: CreateRolloutOptions,
): Promise<{ rollout: RolloutRow; events: NewEvent[] }> {
  const { name, groups, actionType, forcedAt } = wanted;
  if (actionType === 'timeforced' && forcedAt === undefined) {
    throw badRequest('type is timeforced, but forcetime is missing');
  }
  await assignableSet(tx, { tenantId, setId: wanted.setId });
  await refuseTaken(tx, tenantId, name);
  const conditionOf = (query: string) => rolloutCondition(query, { tenantId, settings, now });
  for (const { query } of groups) if (query !== '') conditionOf(query);
  const { matching } = await tx
    .selectFrom('device')
    .select(sql<number>`count(*)`.as('matching'))
    .where('tenant_id', '=', tenantId)
    .where(conditionOf(wanted.query))
    .executeTakeFirstOrThrow();
  verifyPlan(groups, matching);
  const rollout = await tx
    .insertInto('rollout')
    .values({
      ...{ tenant_id: tenantId, name, description: wanted.description, status: 'creating', set_id: wanted.setId },
      ...{ query: wanted.query, action_type: actionType, forced_at: forcedAt ?? null, weight: wanted.weight },
      ...{ start_at: wanted.startAt, total_devices: 0, is_dynamic: 0 },
      is_confirmation_required: groups.some(({ isConfirmationRequired }) => isConfirmationRequired) ? 1 : 0,
      ...{ created_at: now, created_by: createdBy, updated_at: now },
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  const rows = groups.map((group, position) => ({
    ...{ tenant_id: tenantId, rollout_id: rollout.id, position, name: group.name, description: group.description },
    ...{ query: group.query, percentage: group.percentage },
    ...{ success_threshold: group.successThreshold, success_action: group.successAction },
    ...{ error_threshold: group.errorThreshold, error_action: group.errorThreshold === null ? null : 'pause' },
    is_confirmation_required: group.isConfirmationRequired ? (1 as const) : (0 as const),
    ...{ status: 'creating', total_devices: 0 },
  }));
  for (const chunk of chunksOf(rows, 14)) await tx.insertInto('rollout_group').values(chunk).execute();
  return { rollout, events: [rolloutEvent(rollout, { status: 'creating', now })] };
}

/** Names of rollouts that are not deleted differ. @throws ServerFailure 409 */
export async function refuseTaken(
  tx: Transaction<Schema>,
  tenantId: number,
  name: string,
  ownId?: number,
): Promise<void> {
  const other = await tx
    .selectFrom('rollout')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('name', '=', name)
    .where('deleted_at', 'is', null)
    .where('id', '!=', ownId ?? 0)
    .executeTakeFirst();
  if (other !== undefined) throw conflict(`there is a rollout "${escapeText(name)}" already`);
}

function verifyPlan(groups: readonly NewGroup[], matching: number): void {
  if (matching === 0) throw unverified('no device matches targetFilterQuery');
  // What groups with filters of their own take shows only when they are filled.
  if (groups.some(({ query }) => query !== '')) return;
  const { leftOut } = groupSizes(
    groups.map(({ percentage }) => percentage),
    matching,
  );
  if (leftOut > 0) {
    throw unverified(`the groups leave out ${leftOut} of ${matching} devices; give the last one targetPercentage 100`);
  }
}

function unverified(message: string): ServerFailure {
  return new ServerFailure(400, 'ROLLOUT_UNVERIFIED', message);
}
