import type { Transaction } from 'kysely';
import { OtaError } from '../../core/errors.js';
import type { CampaignRequest } from '../../rollout/campaign-view.js';
import type { Holder } from '../access/campaign-grants.js';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { serverFailureOf } from '../http/server-failure.js';
import { holderOf } from './holder.js';

/** What somebody wants of a campaign and nobody has done yet. */
export interface PendingRequest {
  readonly id: number;
  readonly request: CampaignRequest;
  readonly by: string;
  readonly holder: Holder;
}

/** Verbs after which a campaign acts for whoever has said so: they have taken it on. */
const TAKING_ON: ReadonlySet<CampaignRequest['verb']> = new Set([
  'resume',
  'abort',
  'stop',
  'rollback',
  'retry-failed',
]);

/** In the order in which they came. */
export async function pendingRequests(db: Queryable, campaignId: number): Promise<PendingRequest[]> {
  const rows = await db
    .selectFrom('campaign_request')
    .select(['id', 'body', 'created_by', 'operator_id', 'token_id'])
    .where('campaign_id', '=', campaignId)
    .where('done_at', 'is', null)
    .orderBy('id')
    .execute();
  return rows.map(({ id, body, created_by, operator_id, token_id }) => ({
    id,
    request: JSON.parse(body) as CampaignRequest,
    by: created_by,
    holder: holderOf({ run_operator_id: operator_id, run_token_id: token_id }),
  }));
}

/** Marks it as done, in the transaction that does it: it is never done twice. */
export async function markDone(
  tx: Transaction<Schema>,
  campaignId: number,
  { id, request, by, holder }: PendingRequest,
  now: number,
): Promise<void> {
  await tx.updateTable('campaign_request').set({ done_at: now }).where('id', '=', id).execute();
  if (!TAKING_ON.has(request.verb)) return;
  await tx
    .updateTable('campaign')
    .set({
      run_by: by,
      run_operator_id: 'operatorId' in holder ? holder.operatorId : null,
      run_token_id: 'tokenId' in holder ? holder.tokenId : null,
    })
    .where('id', '=', campaignId)
    .execute();
}

/** Marks it as refused, with the reason for whoever asked. */
export async function markRefused(db: Queryable, requestId: number, error: unknown, now: number): Promise<void> {
  const known = error instanceof OtaError ? error : serverFailureOf(error);
  const { code, message, suggestions } = known ?? {
    ...{ code: 'INTERNAL', message: 'the server failed; its log has the reason', suggestions: [] },
  };
  const failure = JSON.stringify({ code, message, suggestions });
  await db.updateTable('campaign_request').set({ done_at: now, failure }).where('id', '=', requestId).execute();
}

/** As long somebody may come back to ask what became of it, milliseconds. */
const KEPT_MS = 86_400_000;

export async function forgetRequests(db: Queryable, now: number): Promise<void> {
  await db
    .deleteFrom('campaign_request')
    .where('done_at', '<', now - KEPT_MS)
    .execute();
}
