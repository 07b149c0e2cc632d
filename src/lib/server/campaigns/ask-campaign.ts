import { setTimeout as delay } from 'node:timers/promises';
import type { CampaignPhase } from '../../rollout/campaign-state.js';
import type { CampaignRequest, CampaignView } from '../../rollout/campaign-view.js';
import type { OperatorPrincipal } from '../access/principal.js';
import { audit } from '../audit/audit.js';
import type { ServerContext } from '../context.js';
import { conflict, ServerFailure } from '../http/server-failure.js';
import { findCampaign, lockCampaign } from './campaign-row.js';
import { holderColumns } from './holder.js';
import { lastSeq } from './table-journal.js';

/** How long whoever asks waits until the process that drives campaigns has done it, and how often it is looked for. */
const WAIT_MS = 5_000;
const LOOK_EVERY_MS = 50;
/** That wait to be done for one campaign: somebody asks again and again while nothing drives it. */
const MAX_WAITING = 16;
/** What ends a campaign always has room left: nobody keeps others from it by asking for something else. */
const MAX_WAITING_ENDS = 2 * MAX_WAITING;
const ENDS: ReadonlySet<CampaignRequest['verb']> = new Set(['abort', 'stop', 'rollback']);

/**
 * In which phases something may be asked for; what else it depends on is known to whoever drives the campaign. While it is
 * being ended, `resume` means that somebody else takes it on.
 */
const ALLOWED: Readonly<Record<CampaignRequest['verb'], readonly CampaignPhase[]>> = {
  pause: ['running'],
  resume: ['paused', 'aborting', 'rolling-back'],
  approve: ['running', 'paused'],
  abort: ['running', 'paused'],
  stop: ['running', 'paused', 'aborting'],
  rollback: ['running', 'paused', 'aborting', 'finished', 'aborted', 'rollback-failed'],
  'retry-failed': ['running', 'paused', 'finished'],
};

export interface CampaignAsk {
  readonly name: string;
  readonly request: CampaignRequest;
  readonly principal: OperatorPrincipal;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Writes down what somebody wants of a campaign, for the process that drives it.
 *
 * @returns number of the request
 * @throws ServerFailure 404; 409: the campaign is in no phase for that, or too much waits already
 */
export function writeRequest(
  { database }: Pick<ServerContext, 'database'>,
  { name, request, principal, now }: CampaignAsk,
): Promise<number> {
  const { tenant } = principal;
  return database.transaction(async (tx) => {
    const { id: campaignId } = await findCampaign(tx, tenant.id, name);
    // Whoever asks at the same time is counted, too.
    await lockCampaign(tx, campaignId);
    const row = await findCampaign(tx, tenant.id, name);
    const phases = ALLOWED[request.verb];
    if (!phases.includes(row.phase as CampaignPhase)) {
      throw conflict(`the campaign ${name} is ${row.phase}, ${request.verb} needs ${phases.join(' or ')}`);
    }
    const { waiting } = await tx
      .selectFrom('campaign_request')
      .select(({ fn }) => fn.countAll<number>().as('waiting'))
      .where('campaign_id', '=', row.id)
      .where('done_at', 'is', null)
      .executeTakeFirstOrThrow();
    const most = ENDS.has(request.verb) ? MAX_WAITING_ENDS : MAX_WAITING;
    if (waiting >= most) throw conflict(`${waiting} requests to the campaign ${name} wait to be done already`);
    const { run_by, run_operator_id, run_token_id } = holderColumns(principal);
    const { id } = await tx
      .insertInto('campaign_request')
      .values({
        ...{ campaign_id: row.id, tenant_id: tenant.id, body: JSON.stringify(request), created_at: now },
        ...{ created_by: run_by, operator_id: run_operator_id, token_id: run_token_id, done_at: null, failure: null },
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    await audit(tx, {
      ...{ tenantId: tenant.id, actor: principal.name, object: `campaign:${name}`, action: `campaign.${request.verb}` },
      detail: request.remark === undefined ? {} : { remark: request.remark },
      now,
    });
    return id;
  });
}

/**
 * Waits until a request was done and its campaign is told of as it is then, as long as somebody may be expected to wait.
 *
 * @throws ServerFailure 409 and others: why it was not done
 */
export async function waitForRequest(
  { database }: Pick<ServerContext, 'database'>,
  requestId: number,
  signal: AbortSignal,
): Promise<void> {
  const end = performance.now() + WAIT_MS;
  let seq: number | undefined;
  while (performance.now() < end && !signal.aborted) {
    const row = await database.sql
      .selectFrom('campaign_request')
      .innerJoin('campaign', 'campaign.id', 'campaign_id')
      .select(['campaign_id', 'done_at', 'failure', 'view'])
      .where('campaign_request.id', '=', requestId)
      .executeTakeFirst();
    if (row === undefined) return;
    if (row.done_at !== null) {
      throwIfRefused(row.failure);
      seq ??= await lastSeq(database.sql, row.campaign_id);
      if ((JSON.parse(row.view) as CampaignView).head.seq >= seq) return;
    }
    await delay(LOOK_EVERY_MS);
  }
}

function throwIfRefused(failure: string | null): void {
  if (failure === null) return;
  const { code, message, suggestions } = JSON.parse(failure) as Record<'code' | 'message', string> & {
    suggestions: string[];
  };
  throw new ServerFailure(code === 'CONFLICT' ? 409 : 422, code, message, { suggestions });
}
