import type { Transaction } from 'kysely';
import type { CampaignPhase } from '../../rollout/campaign-state.js';
import type { CampaignView } from '../../rollout/campaign-view.js';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { notFound } from '../http/server-failure.js';

/** All columns but the plan, which is large. */
const COLUMNS = [
  ...(['id', 'tenant_id', 'name', 'plan_digest', 'phase', 'view', 'viewed_at', 'created_at', 'ended_at'] as const),
  ...(['run_by', 'run_operator_id', 'run_token_id'] as const),
] as const;

export type CampaignRow = Awaited<ReturnType<ReturnType<typeof campaignRows>['executeTakeFirstOrThrow']>>;

export function campaignRows(db: Queryable) {
  return db.selectFrom('campaign').select(COLUMNS);
}

/** @throws ServerFailure 404 */
export async function findCampaign(db: Queryable, tenantId: number, name: string): Promise<CampaignRow> {
  const row = await campaignRows(db).where('tenant_id', '=', tenantId).where('name', '=', name).executeTakeFirst();
  if (row === undefined) throw notFound('such campaign');
  return row;
}

/** Those of other processes who change the campaign wait until this transaction has ended. SQLite has one writer anyway. */
export async function lockCampaign(tx: Transaction<Schema>, campaignId: number): Promise<void> {
  const campaign = tx.selectFrom('campaign').select('id').where('id', '=', campaignId);
  const isShared = tx.getExecutor().adapter.supportsMultipleConnections;
  await (isShared ? campaign.forUpdate() : campaign).executeTakeFirstOrThrow();
}

/** In which nothing happens until somebody asks for it. */
const AT_REST: ReadonlySet<CampaignPhase> = new Set([
  ...(['paused', 'finished', 'aborted', 'rolled-back', 'rollback-failed'] as const),
]);

export function isAtRest(phase: CampaignPhase): boolean {
  return AT_REST.has(phase);
}

/** What is told of a campaign now. */
export function viewOfRow({ view, viewed_at }: Pick<CampaignRow, 'view' | 'viewed_at'>, now: number): CampaignView {
  const told = JSON.parse(view) as CampaignView;
  const sinceSeconds = Math.max(0, now - viewed_at) / 1_000;
  const remaining = (waitsSeconds: number | null) =>
    waitsSeconds === null || waitsSeconds <= sinceSeconds ? null : waitsSeconds - sinceSeconds;
  return {
    ...told,
    stages: told.stages.map((stage) => ({ ...stage, waitsSeconds: remaining(stage.waitsSeconds) })),
    isDriven: !isAtRest(told.phase),
  };
}
