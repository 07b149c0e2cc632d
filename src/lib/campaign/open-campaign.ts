import type { CampaignEvent, JournalEntry } from '../rollout/campaign-event.js';
import { chainEntry, EMPTY_JOURNAL } from '../rollout/journal-chain.js';
import { planDigest } from '../rollout/parse-plan.js';
import type { RolloutPlan } from '../rollout/plan.js';
import type { Journal } from './journal.js';

/** Writes the opening of a campaign into its empty journal. @param time milliseconds since 1970 */
export async function openCampaign(
  journal: Journal,
  plan: RolloutPlan,
  { by, time }: { by: string; time: number },
): Promise<JournalEntry> {
  const { name, createdAt: planned } = plan;
  const event: CampaignEvent = { type: 'opened', by, name, planDigest: planDigest(plan), planned };
  const entry = chainEntry(EMPTY_JOURNAL, time, event);
  await journal.append([entry]);
  return entry;
}
