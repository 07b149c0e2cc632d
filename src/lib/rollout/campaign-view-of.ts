import type { CampaignState, StageState } from './campaign-state.js';
import type { CampaignView, StageView } from './campaign-view.js';
import type { StageFigures, StageVerdict } from './observation.js';
import type { PlanStage, RolloutPlan } from './plan.js';

export interface ViewOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Whether something is taking it on right now. */
  readonly isDriven: boolean;
  /** Where the journal ends. */
  readonly head: { readonly seq: number; readonly hash: string };
  /** Of the stage that is under way, or of going back, as of now; absent: those that were written down last. */
  readonly figures?: StageFigures;
  readonly verdict?: StageVerdict;
}

/** What is told of a campaign. */
export function viewOf(plan: RolloutPlan, state: CampaignState, options: ViewOptions): CampaignView {
  const { figures, isDriven, head } = options;
  const isBack = state.rollback !== null;
  return {
    name: state.name,
    planDigest: state.planDigest,
    product: plan.package.product,
    version: plan.package.version,
    phase: state.phase,
    stage: state.stage,
    stages: plan.stages.map((stage, at) =>
      stageViewOf(stage, state.stages[at]!, at === state.stage && !isBack ? options : { now: options.now }),
    ),
    reason: state.pause?.reason ?? state.endReason ?? state.abort?.reason ?? null,
    returning: state.rollback && {
      figures: (isBack ? figures : undefined) ?? state.rollback.figures,
      cannot: state.rollback.cannot.reduce((sum, { devices }) => sum + devices.length, 0),
    },
    openedBy: state.openedBy,
    openedAt: rfc3339(state.openedAt),
    endedAt: time(state.endedAt),
    isDriven,
    head: { seq: head.seq, hash: head.hash },
  };
}

function stageViewOf(
  stage: PlanStage,
  state: StageState,
  { now, figures, verdict }: Pick<ViewOptions, 'now' | 'figures' | 'verdict'>,
): StageView {
  return {
    name: stage.name,
    devices: stage.devices.length,
    status: state.status,
    startedAt: time(state.startedAt),
    passedAt: time(state.passedAt),
    figures: (state.status === 'running' ? figures : undefined) ?? state.figures,
    verdict: (state.status === 'running' ? verdict : undefined) ?? state.verdict,
    approvedBy: state.approvedBy,
    waitsSeconds: waitsSeconds(stage, state, now),
  };
}

function waitsSeconds(stage: PlanStage, state: StageState, now: number): number | null {
  const untilMs =
    state.status === 'waiting' ? startMs(stage) : state.status === 'running' ? soakEndMs(stage, state) : null;
  return untilMs !== null && untilMs > now ? (untilMs - now) / 1_000 : null;
}

function startMs({ startAt }: PlanStage): number | null {
  return startAt === null ? null : Date.parse(startAt);
}

function soakEndMs({ gates }: PlanStage, { goodSince }: StageState): number | null {
  const soaks = gates.filter((gate) => gate.type === 'soak').map(({ seconds }) => seconds);
  return goodSince === null || soaks.length === 0 ? null : goodSince + Math.max(...soaks) * 1_000;
}

function time(ms: number | null): string | null {
  return ms === null ? null : rfc3339(ms);
}

function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}
