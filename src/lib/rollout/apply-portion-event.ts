import type { CampaignEventType, EventOf } from './campaign-event.js';
import type { CampaignState, PortionState } from './campaign-state.js';
import { damagedJournal } from './damaged-journal.js';
import type { RolloutPlan } from './plan.js';
import { portionsOf, withPortion, withStage } from './state-changes.js';

type PortionEvent = EventOf<
  'preparing' | 'prepared' | 'starting' | 'started' | 'held' | 'stopping' | 'stopped' | 'lost'
>;

/** From which status a portion can come. */
const BEFORE: Partial<Record<CampaignEventType, readonly PortionState['status'][]>> = {
  prepared: ['preparing'],
  starting: ['prepared'],
  started: ['starting', 'continuing'],
  held: ['holding'],
  stopping: ['prepared', 'starting', 'started', 'holding', 'held', 'continuing'],
  stopped: ['stopping'],
  lost: ['preparing', 'prepared', 'starting', 'started', 'continuing', 'stopping'],
};

/** What happens to a portion. @throws OtaError STORE_DAMAGED */
export function applyPortionEvent(
  state: CampaignState,
  event: PortionEvent,
  time: number,
  plan: RolloutPlan,
): CampaignState {
  if (event.type === 'preparing') return preparing(state, event, time, plan);
  const portion = state.portions.find(({ name }) => name === event.portion);
  if (portion === undefined) throw damagedJournal(`"${event.type}" is about ${event.portion}, which was never made`);
  if (!BEFORE[event.type]!.includes(portion.status)) {
    throw damagedJournal(`"${event.type}" cannot happen to ${portion.name}, which is ${portion.status}`);
  }
  requireRightDirection(state, portion);
  const status = event.type;
  if (status === 'prepared') return withPortion(state, portion.name, { status, ref: event.ref, changedAt: time });
  const next = withPortion(state, portion.name, {
    status,
    changedAt: time,
    ...(event.type === 'lost' && { lostReason: event.reason }),
    ...(status === 'started' && { startedAt: portion.startedAt ?? time }),
  });
  return status === 'started' ? stageStarted(next, portion.stage, time) : next;
}

/** Forwards only until the campaign is aborted, backwards only after. */
function requireRightDirection(state: CampaignState, { name, stage }: Pick<PortionState, 'name' | 'stage'>): void {
  if ((stage === null) === (state.phase === 'rolling-back')) return;
  throw damagedJournal(`${name} is of no use to a campaign that is ${state.phase}`);
}

function stageStarted(state: CampaignState, stage: number | null, time: number): CampaignState {
  if (stage === null || state.stages[stage]!.startedAt !== null) return state;
  return withStage(state, stage, { startedAt: time });
}

function preparing(state: CampaignState, event: EventOf<'preparing'>, time: number, plan: RolloutPlan): CampaignState {
  const { portion: name, stage, software, range, devices } = event;
  if (state.portions.some((portion) => portion.name === name)) throw damagedJournal(`${name} is made twice`);
  requireRightDirection(state, { name, stage });
  if (stage === null) requireNextBatch(state, event);
  else requireNextOfStage(state, { ...event, stage }, plan);
  const portion: PortionState = {
    name,
    stage,
    software,
    range,
    devices,
    status: 'preparing',
    ref: null,
    changedAt: time,
    isContinued: false,
    lostReason: null,
    startedAt: null,
  };
  const next = { ...state, portions: [...state.portions, portion] };
  if (stage === null) return next;
  const before = next.stages[stage]!;
  if (range === null) return withStage(next, stage, { retryDevices: null });
  const [, given] = range;
  // Where all that were given before have been counted, the next to wait for are these.
  const rate =
    before.rate.nextAt > before.given || before.given === 0 ? { ...before.rate, nextAt: given } : before.rate;
  return withStage(next, stage, { status: 'running', given, lastGivenAt: time, rate });
}

/** No device in two portions of an attempt, and none left out: each begins where the one before has ended. */
function requireNextOfStage(
  state: CampaignState,
  { portion, stage, software, range, devices }: EventOf<'preparing'> & { stage: number },
  plan: RolloutPlan,
): void {
  const { given, retryDevices } = state.stages[stage] ?? { given: 0, retryDevices: null };
  if (stage !== state.stage) throw damagedJournal(`${portion} is of stage ${stage}, the campaign at ${state.stage}`);
  if (software !== null) throw damagedJournal(`${portion} is of other software than the plan`);
  if ((range === null) === (devices === null)) throw damagedJournal(`${portion} does not say which devices`);
  if (range !== null) {
    const [from, to] = range;
    const { length } = plan.stages[stage]!.devices;
    if (from === given && to > from && to <= length) return;
    throw damagedJournal(`${portion} gives devices ${from} to ${to} of ${length}, where ${given} are given`);
  }
  if (!sameNames(devices!, retryDevices)) throw damagedJournal(`${portion} has other devices than were to try again`);
}

function requireNextBatch(state: CampaignState, { portion, software, range, devices }: EventOf<'preparing'>): void {
  const batch = state.rollback?.batches[portionsOf(state, null).length - state.rollback.before];
  const isIt = batch !== undefined && range === null && software?.id === batch.software.id;
  if (!isIt || !sameNames(devices ?? [], batch.devices)) throw damagedJournal(`${portion} is not what was to go back`);
}

function sameNames(some: readonly string[], others: readonly string[] | null): boolean {
  return some.length === others?.length && some.every((name, at) => name === others[at]);
}
