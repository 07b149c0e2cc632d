import { applyCourseEvent } from './apply-course-event.js';
import { applyPortionEvent } from './apply-portion-event.js';
import { applyStageEvent } from './apply-stage-event.js';
import type { CampaignEvent, CampaignEventType, EventOf } from './campaign-event.js';
import type { CampaignPhase, CampaignState, StageState } from './campaign-state.js';
import { damagedJournal } from './damaged-journal.js';
import type { RolloutPlan } from './plan.js';

/** In which phases something can happen. What is not here has not happened, whatever a journal says. */
export const EVENT_PHASES: Readonly<Record<CampaignEventType, readonly CampaignPhase[]>> = {
  opened: [],
  preparing: ['running', 'rolling-back'],
  prepared: ['running', 'aborting', 'rolling-back'],
  starting: ['running', 'rolling-back'],
  started: ['running', 'rolling-back'],
  held: ['paused'],
  stopping: ['aborting'],
  stopped: ['aborting'],
  lost: ['running', 'aborting', 'rolling-back'],
  judged: ['running'],
  passed: ['running'],
  approved: ['running', 'paused'],
  paused: ['running'],
  resumed: ['paused'],
  aborting: ['running', 'paused', 'aborting', 'finished', 'aborted', 'rollback-failed'],
  counted: ['running', 'aborting'],
  'rolling-back': ['aborting'],
  returning: ['rolling-back'],
  retrying: ['running', 'paused', 'finished'],
  failures: ['running', 'paused', 'aborting', 'rolling-back'],
  noted: ['running', 'paused', 'aborting', 'rolling-back', 'finished', 'aborted', 'rolled-back', 'rollback-failed'],
  ended: ['running', 'aborting', 'rolling-back'],
};

/**
 * What an event makes of a campaign.
 *
 * @param state undefined: before the first event
 * @param time  milliseconds since 1970
 * @throws OtaError STORE_DAMAGED: it cannot have happened then
 */
export function applyEvent(
  state: CampaignState | undefined,
  { time, event }: { readonly time: number; readonly event: CampaignEvent },
  plan: RolloutPlan,
): CampaignState {
  if (state === undefined) {
    if (event.type !== 'opened') throw damagedJournal(`it begins with "${event.type}" instead of "opened"`);
    return opened(event, time, plan);
  }
  if (!EVENT_PHASES[event.type].includes(state.phase)) {
    throw damagedJournal(`"${event.type}" cannot happen to a campaign that is ${state.phase}`);
  }
  return { ...changed(state, event, time, plan), updatedAt: Math.max(time, state.updatedAt) };
}

function changed(state: CampaignState, event: CampaignEvent, time: number, plan: RolloutPlan): CampaignState {
  switch (event.type) {
    case 'preparing':
    case 'prepared':
    case 'starting':
    case 'started':
    case 'held':
    case 'stopping':
    case 'stopped':
    case 'lost':
      return applyPortionEvent(state, event, time, plan);
    case 'judged':
    case 'passed':
    case 'approved':
    case 'retrying':
    case 'failures':
      return applyStageEvent(state, event, time, plan);
    default:
      return applyCourseEvent(state, event, time);
  }
}

function opened(event: EventOf<'opened'>, time: number, plan: RolloutPlan): CampaignState {
  if (event.name !== plan.name) throw damagedJournal(`it is about "${event.name}", its plan about "${plan.name}"`);
  return {
    name: event.name,
    planDigest: event.planDigest,
    openedBy: event.by,
    openedAt: time,
    updatedAt: time,
    phase: 'running',
    stage: 0,
    stages: plan.stages.map(() => UNTOUCHED),
    portions: [],
    pause: null,
    abort: null,
    rollback: null,
    isCounted: false,
    endedAt: null,
    endReason: null,
  };
}

const UNTOUCHED: StageState = {
  status: 'waiting',
  given: 0,
  startedAt: null,
  goodSince: null,
  figures: null,
  verdict: null,
  judgedAt: null,
  approvedBy: null,
  passedAt: null,
  accepted: null,
  retries: 0,
  retryDevices: null,
  retried: { failed: 0, canceled: 0 },
  lastGivenAt: null,
  rate: { grown: 0, nextAt: 0 },
  failuresNamed: false,
};
