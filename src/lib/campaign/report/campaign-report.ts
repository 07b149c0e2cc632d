import { OtaError } from '../../core/errors.js';
import { applyEvent } from '../../rollout/apply-event.js';
import type { EventOf, FailedDevice, JournalEntry } from '../../rollout/campaign-event.js';
import type { CampaignPhase, CampaignState, StageState } from '../../rollout/campaign-state.js';
import type { GateSpec } from '../../rollout/gate-spec.js';
import type { GateVerdict, StageFigures } from '../../rollout/observation.js';
import type { RolloutPlan } from '../../rollout/plan.js';
import { type Course, CourseKeeper } from './course.js';
import { type FigureSeries, SeriesKeeper } from './figure-series.js';

/** What became of a campaign, as reports in all forms tell it. Times are milliseconds since 1970. */
export interface CampaignReport {
  readonly name: string;
  readonly product: string;
  readonly version: string;
  readonly packageDigest: string;
  readonly server: string;
  readonly planDigest: string;
  readonly openedBy: string;
  readonly openedAt: number;
  readonly endedAt: number | null;
  /** When it was written to last. */
  readonly updatedAt: number;
  readonly phase: CampaignPhase;
  /** Why it stands or ended; null: it goes on. */
  readonly reason: string | null;
  readonly devices: number;
  readonly stages: readonly StageReport[];
  readonly returning: ReturnReport | null;
  readonly course: Course;
  /** What the planner did that nobody asked for. */
  readonly notes: readonly string[];
  /** Where the journal ends. */
  readonly head: { readonly seq: number; readonly hash: string };
}

export interface StageReport {
  readonly name: string;
  readonly devices: number;
  readonly status: StageState['status'];
  readonly startedAt: number | null;
  readonly passedAt: number | null;
  /** Null: never judged. */
  readonly figures: StageFigures | null;
  readonly gates: readonly GateReport[];
  readonly series: FigureSeries;
  readonly failures: FailureReport;
}

export interface GateReport {
  /** Null: `completed`, which stages without a success gate have. */
  readonly spec: GateSpec | null;
  /** What it said last; null: it was never asked. */
  readonly verdict: GateVerdict | null;
  /** Who let the stage pass in spite of it; null: nobody had to. */
  readonly acceptedBy: string | null;
}

/** `more` are not named. */
export interface FailureReport {
  readonly devices: readonly FailedDevice[];
  readonly more: number;
}

export interface ReturnReport {
  /** When devices were asked for the first time. */
  readonly startedAt: number;
  readonly figures: StageFigures | null;
  readonly series: FigureSeries;
  readonly cannot: readonly { readonly reason: string; readonly devices: readonly string[] }[];
  readonly failures: FailureReport;
}

/**
 * Reads what happened from a campaign's journal.
 *
 * @param pages entries from the first on
 * @throws OtaError STORE_DAMAGED: it cannot have happened that way; NOT_FOUND: the journal is empty
 */
export async function campaignReport(
  plan: RolloutPlan,
  pages: AsyncIterable<readonly JournalEntry[]>,
): Promise<CampaignReport> {
  let state: CampaignState | undefined;
  let last: JournalEntry | undefined;
  let returnedAt: number | undefined;
  const course = new CourseKeeper(plan);
  const series = new SeriesKeeper();
  const failures = new FailureKeeper();
  for await (const entries of pages) {
    for (const entry of entries) {
      state = applyEvent(state, entry, plan);
      course.add(entry);
      series.add(entry);
      if (entry.event.type === 'failures') failures.add(entry.event);
      if (entry.event.type === 'rolling-back') returnedAt ??= entry.time;
      last = entry;
    }
  }
  if (state === undefined || last === undefined) {
    throw new OtaError('NOT_FOUND', `${plan.name}: the journal holds nothing yet`, [
      'Begin it with `ota rollout start`.',
    ]);
  }
  const { phase, rollback } = state;
  return {
    name: plan.name,
    product: plan.package.product,
    version: plan.package.version,
    packageDigest: plan.package.digest,
    server: plan.server.address,
    planDigest: state.planDigest,
    openedBy: state.openedBy,
    openedAt: state.openedAt,
    endedAt: state.endedAt,
    updatedAt: last.time,
    phase,
    reason: reasonOf(state),
    devices: plan.stages.reduce((sum, { devices }) => sum + devices.length, 0),
    stages: plan.stages.map(({ name, devices, gates }, at) => {
      const { status, startedAt, passedAt, figures } = state.stages[at]!;
      const common = { name, devices: devices.length, status, startedAt, passedAt, figures };
      return { ...common, gates: gatesOf(gates, state.stages[at]!), series: series.of(at), failures: failures.of(at) };
    }),
    returning: rollback && {
      startedAt: returnedAt ?? state.openedAt,
      figures: rollback.figures,
      series: series.of(null),
      cannot: rollback.cannot,
      failures: failures.of(null),
    },
    course: course.course(),
    notes: plan.notes,
    head: { seq: last.seq, hash: last.hash },
  };
}

/** How it ended, and what brought it there. */
function reasonOf({ pause, abort, endReason }: CampaignState): string | null {
  const reasons = [endReason, abort?.reason ?? pause?.reason].filter(
    (text) => text !== undefined && text !== null && text !== '',
  );
  return reasons.length === 0 ? null : [...new Set(reasons)].join('; ');
}

function gatesOf(specs: readonly GateSpec[], { verdict, accepted }: StageState): GateReport[] {
  const verdicts = new Map(verdict?.gates.map((one) => [one.gate, one]));
  const acceptedBy = (at: number) => (accepted?.passes && accepted.gates.includes(at) ? accepted.by : null);
  const gates = specs.map((spec, at): GateReport => {
    return { spec, verdict: verdicts.get(at) ?? null, acceptedBy: acceptedBy(at) };
  });
  const completed = verdicts.get(specs.length);
  if (completed === undefined) return gates;
  return [...gates, { spec: null, verdict: completed, acceptedBy: acceptedBy(specs.length) }];
}

/** What is told last of a device holds. */
class FailureKeeper {
  readonly #stages = new Map<number | null, { devices: Map<string, FailedDevice>; more: number }>();

  add({ stage, devices, more }: EventOf<'failures'>): void {
    const known = this.#stages.get(stage) ?? { devices: new Map(), more: 0 };
    for (const device of devices) known.devices.set(device.device, device);
    known.more = more;
    this.#stages.set(stage, known);
  }

  of(stage: number | null): FailureReport {
    const known = this.#stages.get(stage);
    return { devices: [...(known?.devices.values() ?? [])], more: known?.more ?? 0 };
  }
}
