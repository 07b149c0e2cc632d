import { clipText } from '../core/text.js';
import type { CampaignEvent, PauseCause } from './campaign-event.js';
import type { CampaignState, PortionState } from './campaign-state.js';
import { countStep } from './count-step.js';
import { type Judgement, judgeNow } from './judge-now.js';
import { nextPortion } from './next-portion.js';
import type { StageFigures } from './observation.js';
import { figuresText, outcomeText } from './outcome-text.js';
import type { RolloutPlan } from './plan.js';
import { askable, portionStep } from './portion-step.js';
import { misreportOf, type Sighting, stageFiguresOf } from './sighting.js';
import { badDevices, portionsOf } from './state-changes.js';
import { SERVER_PATIENCE_MS, type StageSeen, type Step, type StepContext } from './step.js';

/** Who pauses and aborts where no person does. */
const GATES = 'gates';
const SERVER = 'server';
/** What has not changed what follows is written down so often. */
const JOURNAL_INTERVAL_MS = 60_000;
/** That a soak time still counts. */
const SOAK_INTERVAL_MS = 15 * 60_000;

/** What a running campaign does next: what is announced first, then it looks, judges, and gives or passes. */
export function runningStep(plan: RolloutPlan, state: CampaignState, context: StepContext): Step {
  if (state.stages.every(({ status }) => status === 'passed')) {
    const count = countStep(plan, state, context.seen);
    if (count !== undefined) return count;
    return { kind: 'write', events: [{ type: 'ended', phase: 'finished', reason: outcomeText(plan, state) }] };
  }
  const portions = portionsOf(state, state.stage);
  const lost = portions.find(({ status, isContinued }) => status === 'lost' && !isContinued);
  if (lost !== undefined) {
    const fact = `the server has lost ${lost.name}, what becomes of its devices is not known`;
    return pause(SERVER, 'server', `${fact}: ${lost.lostReason}`);
  }
  for (const portion of portions) {
    const step = portionStep(portion, context);
    if (step === undefined) continue;
    if (step.kind === 'overdue') return pause(SERVER, 'server', step.reason);
    return (step.kind === 'write' ? expiry(plan, context.now) : undefined) ?? step;
  }
  const stage = state.stages[state.stage]!;
  if (portions.length === 0 || stage.retryDevices !== null) return giving(plan, state, context);
  const { seen } = context;
  if (seen === undefined || askable(portions).some(({ name }) => !seen.portions.has(name))) {
    return { kind: 'observe', portions: askable(portions), measures: true };
  }
  return misreport(portions, seen, context) ?? judging(plan, state, { ...context, seen });
}

function judging(plan: RolloutPlan, state: CampaignState, context: StepContext & { seen: Sighting }): Step {
  const index = state.stage;
  const figures = stageFiguresOf(plan, state, index, context.seen);
  const before = state.stages[index]!;
  const stage = context.forgetsSoak ? { ...before, goodSince: null } : before;
  const judgement = judgeNow(plan.stages[index]!, stage, {
    now: context.now,
    figures,
    seen: context.seen,
  });
  const { verdict } = judgement;
  const judged: CampaignEvent = { type: 'judged', stage: index, figures, ...judgement };
  const write = (...events: CampaignEvent[]): Step => ({ kind: 'write', events, seen: { figures, verdict } });
  switch (verdict.decision) {
    case 'pause':
      return write(judged, { type: 'paused', by: GATES, cause: 'gate', reason: verdict.reason });
    case 'abort': {
      const thenRollBack = plan.onAbort === 'rollback';
      return write(judged, { type: 'aborting', by: GATES, cause: 'gate', reason: verdict.reason, thenRollBack });
    }
    case 'advance':
    case 'hold': {
      const stopped = stoppedAtServer(portionsOf(state, index), context.seen);
      if (stopped !== undefined) return write(judged, pausing(SERVER, 'server', stopped));
      if (isWorthWriting(plan, state, judgement, figures, context.now)) return write(judged);
      const next = giving(plan, state, context, { figures, verdict });
      if (next.kind !== 'wait' || next.untilMs !== null || verdict.decision === 'hold') return next;
      return isSame(figures, state.stages[index]!.figures) ? passing(state, figures) : write(judged);
    }
  }
}

/** A stage is over when its gates are content with all of its devices; who failed is written down before. */
function passing(state: CampaignState, figures: StageFigures): Step {
  const index = state.stage;
  if (badDevices(figures) > 0 && !state.stages[index]!.failuresNamed) return { kind: 'name-failures', stage: index };
  return { kind: 'write', events: [{ type: 'passed', stage: index, figures }] };
}

/** Gives the stage's next portion when it is due; while there is none, waits for what devices do. */
function giving(plan: RolloutPlan, state: CampaignState, { now }: StepContext, seen?: StageSeen): Step {
  const index = state.stage;
  const made = portionsOf(state, index).filter(({ range }) => range !== null).length;
  const next = nextPortion(plan, index, state.stages[index]!, made);
  const isSeen = seen !== undefined && { seen };
  if (next === undefined) return { kind: 'wait', untilMs: null, reason: seen?.verdict?.reason ?? '', ...isSeen };
  if (now >= next.dueAt) return expiry(plan, now) ?? { kind: 'write', events: [next.event] };
  const reason = `${next.event.portion} is due at ${new Date(next.dueAt).toISOString()}`;
  return { kind: 'wait', untilMs: next.dueAt, reason, ...isSeen };
}

/** What a server tells that cannot be is not judged; it gets some time, as figures are counted while devices report. */
function misreport(portions: readonly PortionState[], seen: Sighting, context: StepContext): Step | undefined {
  const reason = askable(portions)
    .map((portion) => misreportOf(portion, seen.portions.get(portion.name)!))
    .find((one) => one !== undefined);
  if (reason === undefined) return undefined;
  const { now, misreportedSince } = context;
  if (misreportedSince !== null && now - misreportedSince >= SERVER_PATIENCE_MS) return pause(SERVER, 'server', reason);
  return { kind: 'wait', untilMs: null, reason, isMisreport: true };
}

/** Why the server gives the stage to no further device, though its gates would not mind. */
function stoppedAtServer(portions: readonly PortionState[], seen: Sighting): string | undefined {
  for (const { name, isContinued } of askable(portions)) {
    const { status, counts } = seen.portions.get(name)!;
    // What all its devices have ended is not stopped by being paused.
    if (status === 'paused' && counts.waiting + counts.running > 0)
      return `the server has paused ${name}: ${figuresText(counts)}`;
    if (status === 'stopped' && !isContinued) return `${name} was stopped at the server: ${figuresText(counts)}`;
  }
  return undefined;
}

/** Attack: a package is held back until what it mends is known, and rolled out then. */
function expiry(plan: RolloutPlan, now: number): Step | undefined {
  const { expiresAt } = plan.package;
  if (expiresAt === null || now < Date.parse(expiresAt)) return undefined;
  return pause(GATES, 'expired', `the package expired at ${expiresAt}, devices would refuse it`);
}

function pause(by: string, cause: PauseCause, reason: string): Step {
  return { kind: 'write', events: [pausing(by, cause, reason)] };
}

function pausing(by: string, cause: PauseCause, reason: string): CampaignEvent {
  return { type: 'paused', by, cause, reason: clipText(reason, 2_048) };
}

/**
 * Whether a verdict goes into the journal: when what follows from it has changed, and the figures now and then, so that the
 * journal of a week stays small.
 */
function isWorthWriting(
  plan: RolloutPlan,
  state: CampaignState,
  { verdict, goodSince }: Judgement,
  figures: StageFigures,
  now: number,
): boolean {
  const before = state.stages[state.stage]!;
  if (before.verdict === null || before.figures === null) return true;
  if (verdict.decision !== before.verdict.decision || goodSince !== before.goodSince) return true;
  // Whoever goes on with it has to know that somebody has looked: see `campaign/soak-watch`.
  const soaks = goodSince !== null && plan.stages[state.stage]!.gates.some(({ type }) => type === 'soak');
  if (soaks && now - (before.judgedAt ?? 0) >= SOAK_INTERVAL_MS) return true;
  // The rate grows by what the journal says.
  const isRated = plan.stages[state.stage]!.rate !== null && before.given < figures.total;
  if (isRated && figures.installed >= before.rate.nextAt) return true;
  return !isSame(figures, before.figures) && now - (before.judgedAt ?? 0) >= JOURNAL_INTERVAL_MS;
}

function isSame(figures: StageFigures, before: StageFigures | null): boolean {
  return (
    before !== null && (Object.keys(figures) as (keyof StageFigures)[]).every((key) => figures[key] === before[key])
  );
}
