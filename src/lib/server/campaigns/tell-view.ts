import type { CampaignView } from '../../rollout/campaign-view.js';
import type { Queryable } from '../database/database.js';

/** Keeps what is told of a campaign, for whoever asks any process. */
export async function tellView(db: Queryable, campaignId: number, view: CampaignView, now: number): Promise<void> {
  const { phase, endedAt } = view;
  await db
    .updateTable('campaign')
    .set({
      ...{ view: JSON.stringify(view), viewed_at: now, phase },
      ended_at: endedAt === null ? null : Date.parse(endedAt),
    })
    .where('id', '=', campaignId)
    .execute();
}
