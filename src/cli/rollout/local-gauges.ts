import type { CampaignGauges } from '../../lib/campaign/gauges.js';
import { httpPolicyFromEnvironment } from '../../lib/net/http-policy.js';
import { systemPacing } from '../../lib/net/pacing.js';
import type { RolloutPlan } from '../../lib/rollout/plan.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What a campaign of this machine may ask and tell outside: all that its plan names, with the variables of this environment.
 *
 * @param kept names of variables that commands of a plan do not get: what this machine logs in with
 */
export function localGauges(environment: Environment, kept: readonly (string | undefined)[]): CampaignGauges {
  const policy = httpPolicyFromEnvironment(environment);
  const secrets = (name: string) => environment[name];
  const forCommands = Object.fromEntries(Object.entries(environment).filter(([name]) => !kept.includes(name)));
  const digests = new WeakMap<RolloutPlan, string>();
  return {
    async probe(gate, signal) {
      const { askProbe } = await import('../../lib/campaign/probes.js');
      return askProbe(gate, { policy, secrets, signal });
    },
    async command(gate, subject, signal) {
      const { runCommandProbe } = await import('../../lib/campaign/command-probe.js');
      return runCommandProbe(gate, subject, { environment: forCommands, signal });
    },
    async tell({ seq, time, event }, plan, signal) {
      if (plan.webhook === null || event.type !== 'judged') return;
      const { decisionNotice } = await import('../../lib/campaign/decision-notice.js');
      const { postDecision } = await import('../../lib/campaign/webhook.js');
      const { planDigest } = await import('../../lib/rollout/parse-plan.js');
      const digest = digests.get(plan) ?? planDigest(plan);
      digests.set(plan, digest);
      const notice = decisionNotice({ seq, time, event, planDigest: digest }, plan);
      const tokenEnv = plan.webhookTokenEnv;
      await postDecision(plan.webhook, notice, { policy, pacing: systemPacing, tokenEnv, secrets, signal });
    },
  };
}
