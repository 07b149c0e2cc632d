import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { checkPlan } from './check-plan.js';
import { deviceListHash } from './device-list-hash.js';
import { errorThresholdPercent } from './error-threshold.js';
import { forecastStages } from './forecast.js';
import type { GateSpec } from './gate-spec.js';
import { type Candidate, placeDevices, type StageMembers } from './place-devices.js';
import { type Cohort, PLAN_SPEC, type PlanStage, type RolloutPlan } from './plan.js';
import { widenPilot } from './recommended-pilot.js';
import { type FilledStage, fitSmallStages, type SmallStages } from './small-stages.js';

/** A stage that somebody wants, or that is recommended. */
export interface WantedStage extends Pick<PlanStage, 'name' | 'startAt' | 'window' | 'rate'> {
  readonly members: StageMembers;
  readonly gates: readonly GateSpec[];
  /** They were written for this stage alone, so nothing about them is changed. */
  readonly hasOwnGates: boolean;
}

export type PlanHead = Pick<
  RolloutPlan,
  'name' | 'createdAt' | 'server' | 'package' | 'seed' | 'onAbort' | 'allowedDriftPercent' | 'webhook' | 'notes'
>;

export interface PlanParts {
  readonly head: PlanHead;
  readonly target: Omit<RolloutPlan['target'], 'devicesSha256'>;
  readonly cohorts: readonly Omit<Cohort, 'devices'>[];
  readonly candidates: readonly Candidate[];
  readonly stages: readonly WantedStage[];
  /** Nobody named them: those that would be empty are left out. */
  readonly areStagesRecommended: boolean;
  readonly smallStages: SmallStages;
  readonly leftOut: RolloutPlan['leftOut'];
}

/**
 * Makes a plan of its parts: who is in which stage, what is asked of it, how much is downloaded and how long it takes.
 * The same parts make the same plan.
 *
 * @throws OtaError USAGE: a stage would be empty, or has a gate that can never decide
 */
export function assemblePlan({ stages: wanted, ...others }: PlanParts): RolloutPlan {
  const { head, candidates, areStagesRecommended } = others;
  const pilot = areStagesRecommended ? widenPilot(wanted, candidates.length) : { stages: wanted, notes: [] };
  const parts: PlanParts = { ...others, stages: pilot.stages };
  const placement = placeDevices(
    candidates,
    parts.stages.map(({ members }) => members),
    head.seed,
  );
  const { filled, dropped } = fillStages(parts, placement.stages);
  const { stages: fitted, notes } = fitSmallStages(filled, parts.smallStages);
  const { cohorts, newPlace } = usedCohorts(parts.cohorts, fitted);
  const stages = fitted.map(
    ({ devices, isOwn: _, hasOwnGates: __, ...stage }): PlanStage => ({
      ...stage,
      errorThresholdPercent: errorThresholdPercent(stage.gates, devices.length),
      devices: devices.map(({ id, cohort }) => [id, newPlace.get(cohort)!]),
    }),
  );
  const startsAt = Date.parse(head.createdAt);
  const { endsAt } = forecastStages(stages, startsAt).at(-1)!;
  const plan: RolloutPlan = {
    spec: PLAN_SPEC,
    ...head,
    target: {
      ...parts.target,
      devicesSha256: deviceListHash(stages.flatMap(({ devices }) => devices.map(([id]) => id))),
    },
    cohorts,
    stages,
    leftOut: [...parts.leftOut, ...leftForLater(placement.rest)],
    notes: [...head.notes, ...pilot.notes, ...dropped, ...notes, ...expiryNotes(head.package, endsAt)],
    forecast: {
      downloadBytes: cohorts.reduce((sum, { bytes, devices }) => sum + bytes * devices, 0),
      seconds: Math.ceil((endsAt - startsAt) / 1000),
    },
  };
  checkPlan(plan, 'the plan');
  return plan;
}

function fillStages(
  { stages, areStagesRecommended, candidates }: PlanParts,
  placed: readonly (readonly Candidate[])[],
): { filled: FilledStage<Candidate>[]; dropped: string[] } {
  const filled: FilledStage<Candidate>[] = [];
  const devicesOf = areStagesRecommended ? endingWithLast(placed) : placed;
  const dropped: string[] = [];
  for (const [at, { members, name, gates, hasOwnGates, startAt, window, rate }] of stages.entries()) {
    const devices = devicesOf[at]!;
    if (devices.length === 0 && areStagesRecommended) {
      dropped.push(`stage ${escapeText(name)} is left out: ${ofSo(candidates.length)} it would have none of its own`);
      continue;
    }
    if (devices.length === 0) throw emptyStage({ name, members }, candidates.length);
    const isOwn = members.kind === 'listed' || hasOwnGates;
    filled.push({ name, startAt, window, rate, gates: [...gates], devices, isOwn, hasOwnGates });
  }
  return { filled, dropped };
}

/** Of a few devices the pilot may be all: then it is the last stage, which has nothing to soak for. */
function endingWithLast(placed: readonly (readonly Candidate[])[]): readonly (readonly Candidate[])[] {
  const last = placed.findLastIndex((devices) => devices.length > 0);
  return placed.map((devices, at) => (at === placed.length - 1 ? placed[last]! : at === last ? [] : devices));
}

function emptyStage({ name, members }: Pick<WantedStage, 'name' | 'members'>, devices: number): OtaError {
  const why =
    members.kind === 'percent'
      ? `${ofSo(devices)} the stages before have as many`
      : members.kind === 'count'
        ? `${ofSo(devices)} the stages before have all`
        : 'no device that is to get the update is among those it lists, or an earlier stage has them';
  return new OtaError('USAGE', `stage ${escapeText(name)} would be empty: ${why}`, [
    'Leave the stage out, or give it more; a share counts the devices of the stages before it, too.',
  ]);
}

function ofSo(devices: number): string {
  return `of ${devices === 1 ? '1 device' : `${devices} devices`}`;
}

/** Devices that are reached too late refuse it. */
function expiryNotes({ expiresAt }: PlanHead['package'], endsAt: number): string[] {
  if (expiresAt === null || Date.parse(expiresAt) > endsAt) return [];
  return [`the package expires at ${expiresAt}, before the last stage would end: devices refuse it from then on`];
}

function leftForLater(rest: readonly Candidate[]): RolloutPlan['leftOut'] {
  if (rest.length === 0) return [];
  const devices = rest.map(({ id }) => id).sort();
  return [{ reason: 'later', detail: 'the stages end before them', devices }];
}

/** Cohorts without a device in a stage are of no use to anybody. */
function usedCohorts(
  cohorts: PlanParts['cohorts'],
  stages: readonly FilledStage<Candidate>[],
): { cohorts: Cohort[]; newPlace: Map<number, number> } {
  const counts = new Map<number, number>();
  for (const { devices } of stages) {
    for (const { cohort } of devices) counts.set(cohort, (counts.get(cohort) ?? 0) + 1);
  }
  const used = [...counts.keys()].sort((a, b) => a - b);
  return {
    cohorts: used.map((place) => ({ ...cohorts[place]!, devices: counts.get(place)! })),
    newPlace: new Map(used.map((place, at) => [place, at])),
  };
}
