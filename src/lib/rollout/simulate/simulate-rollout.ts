import { numberText } from '../../core/number-text.js';
import { impossibleGates } from '../impossible-gates.js';
import type { RolloutPlan } from '../plan.js';
import { bearableFailures } from './bearable-failures.js';
import type { FleetModel } from './fleet-model.js';
import { simulateHawkbit } from './hawkbit-thresholds.js';
import { MomentRecorder } from './moment-recorder.js';
import type { SimulatedMoment, SimulatedOutcome } from './outcome.js';
import { scaledPlan } from './scaled-plan.js';
import { campaignLooks } from './simulate-campaign.js';
import { type CampaignsSummary, summaryOf } from './summary.js';

/** Failure rates that a sweep goes through, 0 to 1. */
export const SWEPT_SHARES = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];
/** Moments of a course: as many as a plot can show. */
const MOST_MOMENTS = 240;

export interface SimulationRequest {
  readonly plan: RolloutPlan;
  readonly model: FleetModel;
  /** Each seed is a fleet of its own. */
  readonly seeds: { readonly first: number; readonly count: number };
  /** Also under hawkBit's default thresholds. */
  readonly comparesHawkbit: boolean;
  /** Failure rates, 0 to 1, each with all seeds. */
  readonly sweep: readonly number[];
}

/** Campaigns by the plan, and the same fleets under hawkBit's thresholds; null: not compared. */
export interface Comparison {
  readonly campaign: CampaignsSummary;
  readonly hawkbit: CampaignsSummary | null;
}

export interface SimulatedStage {
  readonly name: string;
  readonly devices: number;
  /** See {@link bearableFailures}. */
  readonly bearableFailures: number | null;
}

/** What became of a rollout on fleets that do not exist. Shares are 0 to 1, times seconds. */
export interface RolloutSimulation extends Comparison {
  readonly plan: {
    readonly name: string;
    readonly version: string;
    readonly devices: number;
    readonly stages: readonly SimulatedStage[];
  };
  readonly model: FleetModel;
  readonly seeds: SimulationRequest['seeds'];
  readonly sweep: readonly (Comparison & { readonly failureShare: number })[];
  /** Of the first seed. */
  readonly course: {
    readonly campaign: readonly SimulatedMoment[];
    readonly hawkbit: readonly SimulatedMoment[] | null;
  };
  /** What is simulated otherwise than it will be, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Simulates campaigns one by one, and halts now and then, so that whoever waits can do something in between.
 *
 * @yields how many of all campaigns are over
 * @throws OtaError USAGE: fewer devices than stages; as `simulateCampaign`
 */
export function* simulateRollout(
  request: SimulationRequest,
): Generator<{ readonly done: number; readonly total: number }, RolloutSimulation> {
  const { model, seeds, sweep } = request;
  const planned = request.plan.stages.reduce((sum, { devices }) => sum + devices.length, 0);
  const devices = model.devices ?? planned;
  const plan = scaledPlan(request.plan, devices);
  const total = seeds.count * (1 + sweep.length);
  let done = 0;
  const recorders = { campaign: new MomentRecorder(MOST_MOMENTS), hawkbit: new MomentRecorder(MOST_MOMENTS) };

  function* compare(build: FleetModel, isRecorded: boolean): Generator<{ done: number; total: number }, Comparison> {
    const outcomes = { campaign: [] as SimulatedOutcome[], hawkbit: [] as SimulatedOutcome[] };
    for (let index = 0; index < seeds.count; index++) {
      const seed = seeds.first + index;
      const records = isRecorded && index === 0;
      const looks = campaignLooks(plan, build, seed, records ? recorders.campaign.add : undefined);
      for (let look = looks.next(); ; look = looks.next()) {
        if (look.done) {
          outcomes.campaign.push(look.value);
          break;
        }
        yield { done, total };
      }
      if (request.comparesHawkbit) {
        outcomes.hawkbit.push(simulateHawkbit(plan, build, seed, records ? recorders.hawkbit.add : undefined));
      }
      yield { done: ++done, total };
    }
    const stages = plan.stages.length;
    return {
      campaign: summaryOf(outcomes.campaign, stages),
      hawkbit: request.comparesHawkbit ? summaryOf(outcomes.hawkbit, stages) : null,
    };
  }

  const comparison = yield* compare(model, true);
  const swept: (Comparison & { failureShare: number })[] = [];
  for (const failureShare of sweep) {
    swept.push({ failureShare, ...(yield* compare(failingOn(model, failureShare), false)) });
  }
  return {
    plan: {
      ...{ name: plan.name, version: plan.package.version, devices },
      stages: plan.stages.map(({ name, devices: { length }, gates }) => {
        return { name, devices: length, bearableFailures: bearableFailures(gates, length) };
      }),
    },
    model,
    seeds,
    ...comparison,
    sweep: swept,
    course: {
      campaign: recorders.campaign.moments,
      hawkbit: request.comparesHawkbit ? recorders.hawkbit.moments : null,
    },
    notes: notesOn(plan, devices, planned),
  };
}

/** The same fleet, with a build that fails on this share of all devices, whatever their model. */
export function failingOn(model: FleetModel, failureShare: number): FleetModel {
  return { ...model, failures: { share: failureShare, models: {} } };
}

function notesOn(plan: RolloutPlan, devices: number, planned: number): string[] {
  const gates = plan.stages.flatMap((stage) => stage.gates.map(({ type }) => type));
  const notes: string[] = [];
  if (devices !== planned) {
    notes.push(
      `The plan is for ${numberText(planned)} devices; its stages keep their shares of ${numberText(devices)}.`,
    );
  }
  if (devices !== planned) {
    const faults = plan.stages.flatMap((stage) => impossibleGates(stage.gates, stage.devices.length).slice(0, 1));
    if (faults.length > 0) notes.push(`It is too small a fleet for the gates of the plan: ${faults[0]}.`);
  }
  if (gates.includes('probe') || gates.includes('command')) notes.push('Probes and commands are taken to be good.');
  if (gates.includes('approval')) notes.push('Stages that wait for an approval alone get one.');
  return notes;
}
