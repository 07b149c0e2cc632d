import type { CampaignEvent } from './campaign-event.js';
import type { CampaignPhase, CampaignState } from './campaign-state.js';
import type { CampaignRequest } from './campaign-view.js';
import type { RolloutPlan } from './plan.js';

/** In which phases something can be asked for. */
const REQUEST_PHASES: Readonly<Record<CampaignRequest['verb'], readonly CampaignPhase[]>> = {
  pause: ['running'],
  resume: ['paused'],
  approve: ['running', 'paused'],
  abort: ['running', 'paused'],
  stop: ['running', 'paused', 'aborting'],
  rollback: ['running', 'paused', 'aborting', 'finished', 'aborted', 'rollback-failed'],
  'retry-failed': ['running', 'paused', 'finished'],
};

/** Why a request makes no sense as the campaign stands, one sentence; undefined: it does. */
export function refusalOf(plan: RolloutPlan, state: CampaignState, { verb }: CampaignRequest): string | undefined {
  if (!REQUEST_PHASES[verb].includes(state.phase))
    return `${state.name} is ${state.phase}, "${verb}" needs ${list(REQUEST_PHASES[verb])}`;
  const stage = state.stages[state.stage]!;
  switch (verb) {
    case 'rollback':
      return state.phase === 'aborting' && state.abort!.thenRollBack ? `${state.name} goes back already` : undefined;
    case 'approve': {
      const isAsked =
        plan.stages[state.stage]!.gates.some(({ type }) => type === 'approval') && stage.approvedBy === null;
      const isOverruled = state.pause?.cause === 'gate' || (stage.accepted !== null && !stage.accepted.passes);
      if (isOverruled || (isAsked && stage.goodSince !== null)) return undefined;
      if (!isAsked) return `stage ${state.stage + 1} of ${state.name} waits for nobody's approval`;
      // Attack: typed twice, or sent again by a pipeline, it would be the approval of a stage that nobody has seen yet.
      const why = stage.verdict === null ? 'it was not judged yet' : stage.verdict.reason;
      return `stage ${state.stage + 1} of ${state.name} cannot be approved before its other gates hold: ${why}`;
    }
    case 'retry-failed':
      if (stage.retryDevices !== null && state.phase !== 'paused')
        return `devices of ${state.name} are about to be tried again already`;
      return stage.given === 0 ? `stage ${state.stage + 1} of ${state.name} was given to no device yet` : undefined;
    default:
      return undefined;
  }
}

/** Devices of a stage that have ended without the update, by their last attempt. */
export interface EndedBadly {
  readonly failed: readonly string[];
  readonly canceled: readonly string[];
}

/**
 * What a request makes happen. It has to be allowed; see `refusalOf`.
 *
 * @param ended for `retry-failed` only
 * @returns nothing: there is nothing to try again, or it stops already
 */
export function answerRequest(
  plan: RolloutPlan,
  state: CampaignState,
  { verb, remark = '' }: CampaignRequest,
  by: string,
  ended?: EndedBadly,
): CampaignEvent[] {
  const reason = `${by} asked for it${remark === '' ? '' : `: ${remark}`}`;
  const { stage } = state;
  const isAtGate = state.pause?.cause === 'gate';
  switch (verb) {
    case 'pause':
      return [{ type: 'paused', by, cause: 'operator', reason }];
    case 'resume':
      return [{ type: 'resumed', by }];
    case 'approve':
      // Where a gate has stopped it, approving it is the whole decision.
      return [{ type: 'approved', stage, by, remark }, ...(isAtGate ? [{ type: 'resumed' as const, by }] : [])];
    case 'abort':
      return [{ type: 'aborting', by, cause: 'operator', reason, thenRollBack: plan.onAbort === 'rollback' }];
    case 'stop':
      if (state.phase === 'aborting' && !state.abort!.thenRollBack) return [];
      return [{ type: 'aborting', by, cause: 'operator', reason, thenRollBack: false }];
    case 'rollback':
      return [{ type: 'aborting', by, cause: 'operator', reason, thenRollBack: true }];
    case 'retry-failed': {
      // It was cut after the first of the two.
      if (state.stages[stage]!.retryDevices !== null) return [{ type: 'resumed', by }];
      const { failed, canceled } = ended!;
      const devices = [...failed, ...canceled];
      if (devices.length === 0) return [];
      const retrying = {
        type: 'retrying',
        by,
        stage,
        devices,
        failed: failed.length,
        canceled: canceled.length,
      } as const;
      return [retrying, ...(state.phase === 'paused' ? [{ type: 'resumed' as const, by }] : [])];
    }
  }
}

function list(phases: readonly CampaignPhase[]): string {
  return phases.join(' or ');
}
