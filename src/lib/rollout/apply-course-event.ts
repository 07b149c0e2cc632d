import type { EventOf } from './campaign-event.js';
import type { CampaignState, PortionState } from './campaign-state.js';
import { damagedJournal } from './damaged-journal.js';
import { accepting, portionsOf, withStage } from './state-changes.js';

type CourseEvent = EventOf<
  'opened' | 'paused' | 'resumed' | 'aborting' | 'rolling-back' | 'returning' | 'counted' | 'noted' | 'ended'
>;

/** What happens to a campaign as a whole. @throws OtaError STORE_DAMAGED */
export function applyCourseEvent(state: CampaignState, event: CourseEvent, time: number): CampaignState {
  switch (event.type) {
    case 'opened':
      throw damagedJournal('it begins twice');
    case 'noted':
      return state;
    case 'counted':
      return counted(state, event);
    case 'paused': {
      const { by, cause, reason } = event;
      return { ...state, phase: 'paused', pause: { by, cause, reason, isOverruled: false }, portions: holding(state) };
    }
    case 'resumed':
      return resumed(state, event, time);
    case 'aborting':
      return aborting(state, event);
    case 'rolling-back': {
      if (!state.abort?.thenRollBack || !isAllStopped(state))
        throw damagedJournal('it goes back before all is stopped');
      const { by, batches, cannot } = event;
      const before = portionsOf(state, null).length;
      return {
        ...state,
        phase: 'rolling-back',
        rollback: { by, before, batches, cannot, figures: null, failuresNamed: false },
      };
    }
    case 'returning':
      return { ...state, rollback: { ...state.rollback!, figures: event.figures, failuresNamed: false } };
    case 'ended':
      requireEnd(state, event);
      return { ...state, phase: event.phase, endedAt: time, endReason: event.reason };
  }
}

/** Paused is paused: what devices have not begun yet is held back, too, as far as the server can. */
function holding({ portions, stage }: CampaignState): PortionState[] {
  return portions.map((portion) =>
    portion.stage === stage && portion.status === 'started' ? { ...portion, status: 'holding' } : portion,
  );
}

function resumed(state: CampaignState, { by }: EventOf<'resumed'>, time: number): CampaignState {
  const { cause, isOverruled } = state.pause!;
  const portions = state.portions.map((portion): PortionState => {
    if (portion.stage !== state.stage) return portion;
    // It gets as long again to be made ready, and what the server has stopped is told to go on.
    if (portion.status === 'prepared') return { ...portion, changedAt: time };
    if (portion.status === 'lost') return { ...portion, isContinued: true };
    const isHeld = portion.status === 'holding' || portion.status === 'held';
    if (!isHeld) return portion;
    return {
      ...portion,
      status: 'continuing',
      changedAt: time,
      isContinued: portion.isContinued || cause === 'server',
    };
  });
  const next: CampaignState = { ...state, phase: 'running', pause: null, portions };
  if (cause !== 'gate') return next;
  const stage = state.stages[state.stage]!;
  return withStage(next, state.stage, { accepted: accepting(stage, by, time, isOverruled) });
}

function counted(state: CampaignState, { stages }: EventOf<'counted'>): CampaignState {
  const isOver =
    state.phase === 'aborting' ? isAllStopped(state) : state.stages.every(({ status }) => status === 'passed');
  if (!isOver || state.isCounted) throw damagedJournal(`it is counted while it is ${state.phase}`);
  let next: CampaignState = { ...state, isCounted: true };
  for (const { stage, figures } of stages) {
    if (state.stages[stage] === undefined) throw damagedJournal(`stage ${stage} is counted, which is none`);
    next = withStage(next, stage, { figures, failuresNamed: false });
  }
  return next;
}

function aborting(state: CampaignState, event: EventOf<'aborting'>): CampaignState {
  const { by, cause, reason, thenRollBack } = event;
  // What has come to an end can only be taken back, and by a person; what is being stopped too.
  const isUnderWay = state.phase === 'running' || state.phase === 'paused';
  const isFirst = state.abort?.thenRollBack !== true || state.phase === 'rollback-failed';
  const takesBack = cause === 'operator' && thenRollBack && isFirst;
  // Whoever stops everything does not want anybody to go back yet, either.
  const keepsAll = cause === 'operator' && !thenRollBack && state.phase === 'aborting' && state.abort!.thenRollBack;
  if (!isUnderWay && !takesBack && !keepsAll) throw damagedJournal(`it is aborted while it is ${state.phase}`);
  const stages = state.stages.map((stage) =>
    stage.status === 'running' ? { ...stage, status: 'stopped' as const } : stage,
  );
  return {
    ...state,
    phase: 'aborting',
    stages,
    pause: null,
    abort: { by, cause, reason, thenRollBack },
    isCounted: false,
    endedAt: null,
    endReason: null,
  };
}

function isAllStopped(state: CampaignState): boolean {
  return state.portions.every(({ stage, status }) => stage === null || status === 'stopped' || status === 'lost');
}

function requireEnd(state: CampaignState, { phase }: EventOf<'ended'>): void {
  const back = portionsOf(state, null).slice(state.rollback?.before);
  const isAllBack = back.length === state.rollback?.batches.length && back.every(({ status }) => isGiven(status));
  const holds = {
    finished: state.phase === 'running' && state.stages.every(({ status }) => status === 'passed'),
    aborted: state.phase === 'aborting' && !state.abort!.thenRollBack && isAllStopped(state),
    'rolled-back': state.phase === 'rolling-back' && isAllBack,
    'rollback-failed': state.phase === 'rolling-back' && isAllBack,
  };
  if (!holds[phase]) throw damagedJournal(`it ended as ${phase} while it was ${state.phase}`);
}

function isGiven(status: PortionState['status']): boolean {
  return status === 'started' || status === 'lost';
}
