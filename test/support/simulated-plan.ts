import type { RolloutPlan } from '../../src/lib/rollout/plan.js';
import { DEFAULT_STRATEGY, gatesOf, type Strategy } from '../../src/lib/rollout/strategy.js';
import { campaignPlan } from './campaign-plan.js';

/** The recommended stages and gates for a fleet of this size. */
export function recommendedPlan(devices: number, strategy: Partial<Strategy> = {}, rest: object = {}): RolloutPlan {
  const bounds = [0, 0.01, 0.05, 0.2, 1].map((share) => Math.round(share * devices));
  const sizes = bounds.slice(1).map((bound, index) => bound - bounds[index]!);
  const stages = sizes.map((_, index) => ({
    gates: gatesOf({ ...DEFAULT_STRATEGY, ...strategy }, index === sizes.length - 1),
  }));
  return campaignPlan({ sizes, stages, ...rest });
}
