import { decisionNotice } from '../../campaign/decision-notice.js';
import type { CampaignGauges } from '../../campaign/gauges.js';
import { askProbe } from '../../campaign/probes.js';
import { postDecision } from '../../campaign/webhook.js';
import type { Pacing } from '../../net/pacing.js';
import type { ServerSettings } from '../context.js';

/** What a campaign in a server may ask and tell outside: what the server was started for, with no secret of its environment. */
export function campaignGauges(
  { egressOrigins = [] }: ServerSettings,
  { planDigest, pacing }: { readonly planDigest: string; readonly pacing: Pacing },
): CampaignGauges {
  const mayReach = (origin: string) => egressOrigins.includes(origin);
  // Without a proxy: it would be asked in place of the origin.
  const policy = {};
  return {
    probe: (gate, signal) => askProbe(gate, { policy, mayReach, signal }),
    async tell({ seq, time, event }, plan, signal) {
      if (plan.webhook === null || event.type !== 'judged') return;
      const notice = decisionNotice({ seq, time, event, planDigest }, plan);
      await postDecision(plan.webhook, notice, { policy, pacing, mayReach, signal });
    },
  };
}
