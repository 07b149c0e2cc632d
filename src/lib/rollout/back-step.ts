import { clipText } from '../core/text.js';
import type { CampaignEvent } from './campaign-event.js';
import type { CampaignState, PortionState, RollbackState } from './campaign-state.js';
import type { StageFigures } from './observation.js';
import { outcomesText } from './outcome-text.js';
import type { RolloutPlan } from './plan.js';
import { portionName } from './portion-name.js';
import { askable, portionStep } from './portion-step.js';
import { misreportOf, returnFiguresOf } from './sighting.js';
import { badDevices, portionsOf } from './state-changes.js';
import { SERVER_PATIENCE_MS, type Step, type StepContext } from './step.js';

const JOURNAL_INTERVAL_MS = 60_000;

/**
 * What a campaign that goes back does next. It never stands still for a person: what a server will not do is lost, and
 * told at the end, while all other devices go on.
 */
export function backStep(plan: RolloutPlan, state: CampaignState, context: StepContext): Step {
  const rollback = state.rollback!;
  const all = portionsOf(state, null);
  const portions = all.slice(rollback.before);
  for (const portion of portions) {
    const step = portionStep(portion, context);
    if (step?.kind === 'overdue') return lose(portion, step.reason);
    if (step !== undefined) return step;
  }
  const batch = rollback.batches[portions.length];
  if (batch !== undefined) {
    const portion = portionName.ofReturn(plan, all.length);
    const { software, devices } = batch;
    const event = { type: 'preparing' as const, portion, stage: null, software, range: null, devices: [...devices] };
    return { kind: 'write', events: [event] };
  }
  const { seen } = context;
  if (seen === undefined || askable(portions).some(({ name }) => !seen.portions.has(name))) {
    if (askable(portions).length > 0) return { kind: 'observe', portions: askable(portions), measures: false };
  }
  const sighting = seen ?? { portions: new Map(), measurements: new Map(), probes: new Map() };
  for (const portion of askable(portions)) {
    const reason = misreportOf(portion, sighting.portions.get(portion.name)!);
    if (reason !== undefined) return doubt(portion, reason, context);
  }
  return returning(rollback, returnFiguresOf(state, sighting), state.updatedAt, context.now);
}

function returning(rollback: RollbackState, figures: StageFigures, updatedAt: number, now: number): Step {
  const event: CampaignEvent = { type: 'returning', figures };
  const isOver = figures.waiting + figures.running === 0;
  const isNew = JSON.stringify(figures) !== JSON.stringify(rollback.figures);
  if (isNew && (isOver || rollback.figures === null || now - updatedAt >= JOURNAL_INTERVAL_MS)) {
    return { kind: 'write', events: [event], seen: { figures } };
  }
  if (!isOver) return { kind: 'wait', untilMs: null, reason: 'devices go back', seen: { figures } };
  if (badDevices(figures) > 0 && !rollback.failuresNamed) return { kind: 'name-failures', stage: null };
  return { kind: 'write', events: [end(rollback, figures)], seen: { figures } };
}

function end({ cannot }: RollbackState, figures: StageFigures): CampaignEvent {
  const left = cannot.reduce((sum, { devices }) => sum + devices.length, 0);
  const isBack = left === 0 && figures.installed + figures.already === figures.total;
  const reason = [backText(figures), ...(left === 0 ? [] : [`${counted(left)} could not be asked to`])].join('; ');
  return { type: 'ended', phase: isBack ? 'rolled-back' : 'rollback-failed', reason };
}

/** `91 of 93 devices went back; 2 did not: 1 failed, 1 silent` */
function backText(figures: StageFigures): string {
  const { total, installed, already } = figures;
  if (total === 0) return 'no device was to go back';
  const back = installed + already;
  const told = `${counted(back)} of ${counted(total)} device${total === 1 ? '' : 's'} went back`;
  return back === total
    ? told
    : `${told}; ${counted(total - back)} did not: ${outcomesText({ ...figures, installed: 0, already: 0 })}`;
}

function counted(number: number): string {
  return number.toLocaleString('en-US');
}

function doubt(portion: PortionState, reason: string, { now, misreportedSince }: StepContext): Step {
  if (misreportedSince !== null && now - misreportedSince >= SERVER_PATIENCE_MS) return lose(portion, reason);
  return { kind: 'wait', untilMs: null, reason, isMisreport: true };
}

function lose({ name }: PortionState, reason: string): Step {
  return { kind: 'write', events: [{ type: 'lost', portion: name, reason: clipText(reason, 2_048) }] };
}
