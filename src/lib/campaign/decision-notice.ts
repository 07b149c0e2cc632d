import type { EventOf, JournalEntry } from '../rollout/campaign-event.js';
import type { RolloutPlan } from '../rollout/plan.js';
import { DECISION_SPEC, type DecisionNotice } from './webhook.js';

/** What a webhook is told of an entry of the journal that is a decision. */
export function decisionNotice(
  {
    seq,
    time,
    event,
    planDigest,
  }: Pick<JournalEntry, 'seq' | 'time'> & {
    readonly event: EventOf<'judged'>;
    readonly planDigest: string;
  },
  { name, package: { product, version }, stages }: RolloutPlan,
): DecisionNotice {
  const { stage, figures, verdict } = event;
  const { decision, reason, gates } = verdict;
  return {
    spec: DECISION_SPEC,
    id: `${name}#${seq}`,
    ...{ campaign: name, planDigest, product, version },
    stage: { place: stage, name: stages[stage]!.name },
    ...{ decision, reason, figures, gates },
    time: new Date(time).toISOString(),
  };
}
