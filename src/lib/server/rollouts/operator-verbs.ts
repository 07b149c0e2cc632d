import { ROLLOUT_STATUSES, type RolloutStatus } from './rollout-status.js';

/** What an operator may do to a rollout. */
export const VERBS = ['start', 'pause', 'resume', 'stop', 'approve', 'deny', 'delete'] as const;
export type Verb = (typeof VERBS)[number];

const ALLOWED: Readonly<Record<Verb, { readonly from: readonly RolloutStatus[]; readonly to: RolloutStatus }>> = {
  start: { from: ['ready'], to: 'starting' },
  pause: { from: ['starting', 'running'], to: 'paused' },
  resume: { from: ['paused'], to: 'running' },
  stop: {
    from: ['creating', 'waiting_for_approval', 'approval_denied', 'ready', 'starting', 'running', 'paused'],
    to: 'stopping',
  },
  approve: { from: ['waiting_for_approval'], to: 'ready' },
  deny: { from: ['waiting_for_approval'], to: 'approval_denied' },
  delete: {
    from: ROLLOUT_STATUSES.filter((status) => status !== 'deleting' && status !== 'deleted'),
    to: 'deleting',
  },
};

/** The status that a verb leads to; undefined: not from this one. */
export function statusAfter(verb: Verb, status: RolloutStatus): RolloutStatus | undefined {
  const { from, to } = ALLOWED[verb];
  return from.includes(status) ? to : undefined;
}

/** In which a verb is allowed. */
export function statusesFor(verb: Verb): readonly RolloutStatus[] {
  return ALLOWED[verb].from;
}
