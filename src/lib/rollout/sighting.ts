import type { CampaignState, PortionState } from './campaign-state.js';
import type { Measurement, ProbeResult, StageFigures } from './observation.js';
import type { RolloutPlan } from './plan.js';
import { portionsOf } from './state-changes.js';

type Outcome = Exclude<keyof StageFigures, 'total'>;
const OUTCOMES: readonly Outcome[] = [
  'waiting',
  'running',
  'stuck',
  'installed',
  'failed',
  'canceled',
  'already',
  'gone',
];

/** What the server tells of a portion. */
export interface PortionSight {
  readonly status: 'preparing' | 'prepared' | 'running' | 'paused' | 'stopped' | 'finished';
  readonly total: number;
  readonly counts: Readonly<Record<Outcome, number>>;
}

/** What was seen of a campaign at one time. */
export interface Sighting {
  /** By the name of the portion. */
  readonly portions: ReadonlyMap<string, PortionSight>;
  /** By the gate's place in the stage. */
  readonly measurements: ReadonlyMap<number, Measurement>;
  readonly probes: ReadonlyMap<number, ProbeResult>;
}

export function devicesIn({ range, devices }: PortionState): number {
  return range === null ? devices!.length : range[1] - range[0];
}

/** Why what a server tells of a portion cannot be; undefined: it can. */
export function misreportOf(portion: PortionState, { total, counts }: PortionSight): string | undefined {
  const devices = devicesIn(portion);
  if (total !== devices) return `${portion.name} has ${devices} devices, the server tells of ${total}`;
  const odd = OUTCOMES.find((outcome) => !Number.isSafeInteger(counts[outcome]) || counts[outcome] < 0);
  if (odd !== undefined) return `the server tells that ${String(counts[odd])} devices of ${portion.name} are ${odd}`;
  const sum = OUTCOMES.reduce((all, outcome) => all + counts[outcome], 0);
  if (sum === devices) return undefined;
  return `${portion.name} has ${devices} devices, what the server tells adds up to ${sum}`;
}

/**
 * How the devices of a stage stand. Each counts once, by its last attempt; those of a portion that is lost are gone.
 */
export function stageFiguresOf(plan: RolloutPlan, state: CampaignState, index: number, seen: Sighting): StageFigures {
  const { given, retried, retryDevices } = state.stages[index]!;
  const total = plan.stages[index]!.devices.length;
  const figures = added(portionsOf(state, index), seen);
  figures.waiting += total - given + (retryDevices?.length ?? 0);
  for (const outcome of ['failed', 'canceled'] as const) {
    figures[outcome] -= retried[outcome];
    // Where the portion of their first attempt is lost, they are among its devices.
    if (figures[outcome] < 0) {
      figures.gone = Math.max(0, figures.gone + figures[outcome]);
      figures[outcome] = 0;
    }
  }
  return { total, ...figures };
}

/** How the devices that are to go back stand. */
export function returnFiguresOf(state: CampaignState, seen: Sighting): StageFigures {
  const { before, batches } = state.rollback!;
  const total = batches.reduce((sum, { devices }) => sum + devices.length, 0);
  const figures = added(portionsOf(state, null).slice(before), seen);
  // The attempt before has assigned it to them, and they were not back: see `meantBy`.
  if (before > 0) Object.assign(figures, { failed: figures.failed + figures.already, already: 0 });
  return { total, ...figures };
}

/**
 * Attack: hawkBit gives nothing to a device that has failed with the very same set, and says that it had it already. As
 * evidence for nothing, the failures of a stage would be gone once they were tried again, and its gates would let it pass.
 */
function meantBy({ stage, range }: PortionState, outcome: Outcome): Outcome {
  return outcome === 'already' && stage !== null && range === null ? 'failed' : outcome;
}

function added(portions: readonly PortionState[], seen: Sighting): Record<Outcome, number> {
  const sum = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  for (const portion of portions) {
    const sight = seen.portions.get(portion.name);
    if (portion.status === 'lost') sum.gone += devicesIn(portion);
    else if (sight === undefined) sum.waiting += devicesIn(portion);
    else for (const outcome of OUTCOMES) sum[meantBy(portion, outcome)] += sight.counts[outcome];
  }
  return sum;
}
