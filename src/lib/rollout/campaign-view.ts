import * as z from 'zod/mini';
import { CAMPAIGN_PHASES, stageState } from './campaign-state.js';
import { stageFigures, stageVerdict } from './observation.js';
import { campaignName } from './plan.js';

/** What is told of a campaign, wherever it runs. Times are RFC 3339. */

const uint = z.int().check(z.minimum(0));
const time = z.nullable(z.string());

export const stageView = z.object({
  name: z.string(),
  devices: uint,
  status: stageState.shape.status,
  startedAt: time,
  passedAt: time,
  /** As of now, where the campaign is being watched; else the last ones that were written down. */
  figures: z.nullable(stageFigures),
  verdict: z.nullable(stageVerdict),
  approvedBy: z.nullable(z.string()),
  /** Seconds to the end of its soak time, or to its start; null: neither. */
  waitsSeconds: z.nullable(z.number()),
});
export type StageView = z.output<typeof stageView>;

export const campaignView = z.object({
  name: campaignName,
  planDigest: z.string(),
  product: z.string(),
  version: z.string(),
  phase: z.enum(CAMPAIGN_PHASES),
  /** Place of the stage that is under way, or comes next. */
  stage: uint,
  stages: z.array(stageView),
  /** Why it stands or ended, one sentence; null: it goes on. */
  reason: z.nullable(z.string()),
  /** Of a rollback. */
  returning: z.nullable(z.object({ figures: z.nullable(stageFigures), cannot: uint })),
  openedBy: z.string(),
  openedAt: z.string(),
  endedAt: time,
  /** Whether something is taking it on right now. */
  isDriven: z.boolean(),
  /** Where the journal ends: what `--head` of a later check compares with. */
  head: z.object({ seq: uint, hash: z.string() }),
});
export type CampaignView = z.output<typeof campaignView>;

/** What somebody wants of a campaign. */
export const campaignRequest = z.strictObject({
  /** `stop` is `abort` without a rollback, whatever the plan says of it: in an emergency nothing further moves. */
  verb: z.enum(['pause', 'resume', 'approve', 'abort', 'stop', 'rollback', 'retry-failed']),
  remark: z.optional(z.string().check(z.maxLength(1_024))),
});
export type CampaignRequest = z.output<typeof campaignRequest>;
