import type { EventOf } from './campaign-event.js';
import type { CampaignState, StageState } from './campaign-state.js';
import { damagedJournal } from './damaged-journal.js';
import type { StageFigures } from './observation.js';
import type { RolloutPlan } from './plan.js';
import { accepting, badDevices, portionsOf, withStage } from './state-changes.js';

type StageEvent = EventOf<'judged' | 'passed' | 'approved' | 'retrying' | 'failures'>;

/** What happens to a stage. @throws OtaError STORE_DAMAGED */
export function applyStageEvent(
  state: CampaignState,
  event: StageEvent,
  time: number,
  plan: RolloutPlan,
): CampaignState {
  switch (event.type) {
    case 'judged':
      return judged(state, event, time);
    case 'passed':
      return passed(state, event, time, plan);
    case 'approved':
      return approved(state, event, time);
    case 'retrying':
      return retrying(state, event);
    case 'failures':
      return failures(state, event);
  }
}

function failures(state: CampaignState, { stage }: EventOf<'failures'>): CampaignState {
  if (stage !== null) {
    if (state.stages[stage] === undefined) throw damagedJournal(`failures are told of stage ${stage}, which is none`);
    return withStage(state, stage, { failuresNamed: true });
  }
  return state.rollback === null ? state : { ...state, rollback: { ...state.rollback, failuresNamed: true } };
}

function judged(state: CampaignState, event: EventOf<'judged'>, time: number): CampaignState {
  const stage = present(state, event);
  requireAllGiven(state, event);
  const { figures, verdict, goodSince } = event;
  const isNamed = stage.figures !== null && badDevices(stage.figures) === badDevices(figures);
  return withStage(state, event.stage, {
    figures,
    verdict,
    goodSince,
    judgedAt: time,
    rate: grownRate(stage, figures),
    failuresNamed: stage.failuresNamed && isNamed,
  });
}

/** Each time as many devices as had been given have ended well, the rate grows. */
function grownRate({ rate, given }: StageState, { installed }: StageFigures): StageState['rate'] {
  if (installed < rate.nextAt || rate.nextAt === 0) return rate;
  return { grown: rate.grown + 1, nextAt: Math.max(given, rate.nextAt + 1) };
}

function passed(state: CampaignState, event: EventOf<'passed'>, time: number, plan: RolloutPlan): CampaignState {
  const stage = present(state, event);
  const { length } = plan.stages[event.stage]!.devices;
  if (stage.given !== length)
    throw damagedJournal(`stage ${event.stage} passed with ${stage.given} of ${length} given`);
  requireAllGiven(state, event);
  if (stage.retryDevices !== null) throw damagedJournal(`stage ${event.stage} passed before all was given`);
  const next = withStage(state, event.stage, { status: 'passed', figures: event.figures, passedAt: time });
  return { ...next, stage: Math.min(state.stage + 1, state.stages.length - 1) };
}

function approved(state: CampaignState, event: EventOf<'approved'>, time: number): CampaignState {
  if (event.stage !== state.stage) throw damagedJournal(`stage ${event.stage} is approved at stage ${state.stage}`);
  const stage = state.stages[event.stage]!;
  const next = withStage(state, event.stage, { approvedBy: event.by });
  // A gate in the way is overruled, with what is known now; an approval gate alone is just opened.
  const isStopped = state.pause?.cause === 'gate';
  if (!isStopped && stage.accepted === null) return next;
  const overruled = withStage(next, event.stage, { accepted: accepting(stage, event.by, time, true) });
  return isStopped ? { ...overruled, pause: { ...state.pause!, isOverruled: true } } : overruled;
}

function retrying(state: CampaignState, event: EventOf<'retrying'>): CampaignState {
  const { stage: index, devices, failed, canceled } = event;
  const stage = state.stages[index];
  if (index !== state.stage || stage === undefined)
    throw damagedJournal(`stage ${index} is tried again at ${state.stage}`);
  const isOpen = stage.status === 'running' || (stage.status === 'passed' && state.phase === 'finished');
  if (!isOpen || stage.retryDevices !== null || failed + canceled !== devices.length) {
    throw damagedJournal(`stage ${index} cannot be tried again`);
  }
  const next = withStage(state, index, {
    status: 'running',
    passedAt: null,
    retries: stage.retries + 1,
    retryDevices: devices,
    retried: { failed: stage.retried.failed + failed, canceled: stage.retried.canceled + canceled },
    // They are to come again, and no longer evidence.
    figures: stage.figures && {
      ...stage.figures,
      failed: Math.max(0, stage.figures.failed - failed),
      canceled: Math.max(0, stage.figures.canceled - canceled),
      waiting: stage.figures.waiting + devices.length,
    },
    goodSince: null,
    // As many as failed and were accepted may not fail anew.
    accepted: stage.accepted && { ...stage.accepted, bad: Math.max(0, stage.accepted.bad - devices.length) },
    // Who has approved it has not seen what becomes of them.
    approvedBy: null,
  });
  return state.phase === 'finished'
    ? { ...next, phase: 'running', isCounted: false, endedAt: null, endReason: null }
    : next;
}

function present(state: CampaignState, event: { readonly type: string; readonly stage: number }): StageState {
  const stage = state.stages[event.stage];
  if (event.stage !== state.stage || stage?.status !== 'running') {
    throw damagedJournal(`"${event.type}" is about stage ${event.stage}, which is not under way`);
  }
  return stage;
}

/** What is announced is also done, before anything is concluded from it. */
function requireAllGiven(state: CampaignState, event: { readonly type: string; readonly stage: number }): void {
  const open = portionsOf(state, event.stage).find(({ status }) => status !== 'started' && status !== 'lost');
  if (open !== undefined)
    throw damagedJournal(`stage ${event.stage} is ${event.type} while ${open.name} is ${open.status}`);
}
