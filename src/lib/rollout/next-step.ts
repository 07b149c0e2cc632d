import { clipText } from '../core/text.js';
import { backStep } from './back-step.js';
import type { CampaignState } from './campaign-state.js';
import { countStep } from './count-step.js';
import { outcomeText } from './outcome-text.js';
import type { RolloutPlan } from './plan.js';
import { runningStep } from './running-step.js';
import { badDevices, portionsOf } from './state-changes.js';
import type { Step, StepContext } from './step.js';

/**
 * What a campaign does next. Asked again with the same state it says the same, so whoever was cut just asks again.
 *
 * @param context what is known besides the journal; where more has to be seen first, the step is `observe`
 */
export function nextStep(plan: RolloutPlan, state: CampaignState, context: StepContext): Step {
  switch (state.phase) {
    case 'running':
      return runningStep(plan, state, context);
    case 'paused':
      return pausedStep(state);
    case 'aborting':
      return stoppingStep(plan, state, context);
    case 'rolling-back':
      return backStep(plan, state, context);
    default:
      return { kind: 'over' };
  }
}

/** First no further device begins; then whoever has to decide how it goes on is told who failed. */
function pausedStep(state: CampaignState): Step {
  const portion = state.portions.find(({ status }) => status === 'holding');
  if (portion !== undefined) return { kind: 'hold', portion };
  const { figures, failuresNamed } = state.stages[state.stage]!;
  const isUnnamed = figures !== null && badDevices(figures) > 0 && !failuresNamed;
  return state.pause!.cause === 'gate' && isUnnamed ? { kind: 'name-failures', stage: state.stage } : { kind: 'rest' };
}

/**
 * Stops whatever was made, stages that have passed included: some of their devices may be on their way still. A portion that
 * was cut while it was made is made first, which gives no device anything, as only then it is known what to stop.
 */
function stoppingStep(plan: RolloutPlan, state: CampaignState, { seen }: StepContext): Step {
  const open = state.portions.filter(
    ({ stage, status }) => stage !== null && status !== 'stopped' && status !== 'lost',
  );
  const announced = open.filter(({ status }) => status !== 'preparing' && status !== 'stopping');
  if (announced.length > 0) {
    return { kind: 'write', events: announced.map(({ name }) => ({ type: 'stopping', portion: name })) };
  }
  const [portion] = open;
  if (portion !== undefined) return { kind: portion.status === 'preparing' ? 'prepare' : 'stop', portion };
  const count = countStep(plan, state, seen);
  if (count !== undefined) return count;
  if (state.abort!.thenRollBack) return { kind: 'gather' };
  const { figures, failuresNamed } = state.stages[state.stage]!;
  if (
    figures !== null &&
    figures.failed + figures.stuck > 0 &&
    !failuresNamed &&
    portionsOf(state, state.stage).length > 0
  ) {
    return { kind: 'name-failures', stage: state.stage };
  }
  const reason = clipText(`${state.abort!.reason}; ${outcomeText(plan, state)}`, 2_048);
  return { kind: 'write', events: [{ type: 'ended', phase: 'aborted', reason }] };
}
