import type { OtaError } from '../core/errors.js';
import type { CampaignState, PortionState } from '../rollout/campaign-state.js';
import type { RolloutPlan } from '../rollout/plan.js';
import { type PortionSight, type Sighting, stageFiguresOf } from '../rollout/sighting.js';
import type { Step } from '../rollout/step.js';
import type { GaugeReader } from './gauges.js';
import type { PortionEffects } from './portion-effects.js';
import { serverTrouble } from './server-trouble.js';

/** The server says that it knows nothing of a portion that was looked for. */
export interface LostStep {
  readonly kind: 'lost';
  readonly portion: PortionState;
  readonly error: OtaError;
}

export interface LookOptions {
  readonly plan: RolloutPlan;
  readonly state: CampaignState;
  readonly effects: PortionEffects;
  readonly gauges: GaugeReader;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Looks at what a step asks for. @throws OtaError those of the driver, but NOT_FOUND */
export async function lookAround(
  step: Step & { kind: 'observe' },
  { plan, state, effects, gauges, now, signal }: LookOptions,
): Promise<Sighting | LostStep> {
  const portions = new Map<string, PortionSight>();
  for (const portion of step.portions) {
    try {
      portions.set(portion.name, await effects.look(portion, now, signal));
    } catch (error) {
      if (signal.aborted || serverTrouble(error) !== 'forgotten') throw error;
      if (step.isCount) continue;
      return { kind: 'lost', portion, error: error as OtaError };
    }
  }
  const seen: Sighting = { portions, measurements: new Map(), probes: new Map() };
  if (!step.measures) return seen;
  const figures = stageFiguresOf(plan, state, state.stage, seen);
  const given = state.portions.filter(({ stage, status }) => stage === state.stage && status === 'started');
  return { ...seen, ...(await gauges.read(state, { now, figures, portions: given }, signal)) };
}
