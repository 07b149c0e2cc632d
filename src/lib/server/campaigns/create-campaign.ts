import type { Transaction } from 'kysely';
import { applyEvent } from '../../rollout/apply-event.js';
import type { JournalEntry } from '../../rollout/campaign-event.js';
import { viewOf } from '../../rollout/campaign-view-of.js';
import { chainEntry, EMPTY_JOURNAL } from '../../rollout/journal-chain.js';
import type { RolloutPlan } from '../../rollout/plan.js';
import type { OperatorPrincipal } from '../access/principal.js';
import { audit } from '../audit/audit.js';
import type { ServerContext } from '../context.js';
import type { Schema } from '../database/schema.js';
import { conflict, ServerFailure } from '../http/server-failure.js';
import { campaignEvent } from './campaign-events.js';
import { type CampaignRow, findCampaign } from './campaign-row.js';
import { holderColumns } from './holder.js';
import { insertEntries } from './table-journal.js';

/** Of a tenant: each is looked at every second. */
const MAX_OPEN_CAMPAIGNS = 20;

export interface NewCampaign {
  readonly plan: RolloutPlan;
  /** See `planDigest`. */
  readonly digest: string;
  /** As it was handed over. */
  readonly text: string;
  readonly principal: OperatorPrincipal;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Begins a campaign: from the next second on the server takes it further.
 *
 * @throws ServerFailure 409: another plan has this name; 422 LIMIT_EXCEEDED: too many are under way
 */
export function createCampaign(
  { database, events }: Pick<ServerContext, 'database' | 'events'>,
  campaign: NewCampaign,
): Promise<{ readonly row: CampaignRow; readonly isNew: boolean }> {
  const { plan, digest, principal, now } = campaign;
  const { tenant } = principal;
  return database.transaction(async (tx) => {
    const opened = openingEntry(campaign);
    const campaignId = await insert(tx, campaign, opened);
    const row = await findCampaign(tx, tenant.id, plan.name);
    if (campaignId === undefined) {
      if (row.plan_digest !== digest) {
        throw conflict(`there is a campaign ${plan.name} with another plan`, ['Give the new plan another name.']);
      }
      return { row, isNew: false };
    }
    await refuseTooMany(tx, tenant.id);
    const of = { tenantId: tenant.id, campaignId, campaign: plan.name };
    await insertEntries(tx, of, [opened]);
    const { product, version } = plan.package;
    const devices = plan.stages.reduce((sum, stage) => sum + stage.devices.length, 0);
    await audit(tx, {
      ...{ tenantId: tenant.id, actor: principal.name, action: 'campaign.created', object: `campaign:${plan.name}` },
      detail: { product, version, planDigest: digest, stages: plan.stages.length, devices },
      now,
    });
    await events.append(tx, [campaignEvent(of, opened)]);
    return { row, isNew: true };
  });
}

function openingEntry({ plan, digest, principal, now }: NewCampaign): JournalEntry {
  const { name, createdAt: planned } = plan;
  return chainEntry(EMPTY_JOURNAL, now, { type: 'opened', by: principal.name, name, planDigest: digest, planned });
}

/** @returns undefined: there is one of this name */
async function insert(
  tx: Transaction<Schema>,
  { plan, digest, text, principal, now }: NewCampaign,
  opened: JournalEntry,
): Promise<number | undefined> {
  const state = applyEvent(undefined, opened, plan);
  const view = viewOf(plan, state, { now, isDriven: true, head: opened });
  const inserted = await tx
    .insertInto('campaign')
    .values({
      ...{ tenant_id: principal.tenant.id, name: plan.name, plan: text, plan_digest: digest, phase: state.phase },
      ...{ view: JSON.stringify(view), viewed_at: now, created_at: now, created_by: principal.name, ended_at: null },
      ...holderColumns(principal),
    })
    .onConflict((name) => name.columns(['tenant_id', 'name']).doNothing())
    .returning('id')
    .executeTakeFirst();
  return inserted?.id;
}

/** @throws ServerFailure 422; the one that is being made is among them */
async function refuseTooMany(tx: Transaction<Schema>, tenantId: number): Promise<void> {
  const { open } = await tx
    .selectFrom('campaign')
    .select(({ fn }) => fn.countAll<number>().as('open'))
    .where('tenant_id', '=', tenantId)
    .where('ended_at', 'is', null)
    .executeTakeFirstOrThrow();
  if (open <= MAX_OPEN_CAMPAIGNS) return;
  const message = `${MAX_OPEN_CAMPAIGNS} campaigns are under way, which is as many as a tenant may have`;
  throw new ServerFailure(422, 'LIMIT_EXCEEDED', message, {
    suggestions: ['Wait until one has ended, or abort one.'],
  });
}
