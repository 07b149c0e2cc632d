import type { CampaignState, PortionState } from './campaign-state.js';
import type { RolloutPlan } from './plan.js';
import { type Sighting, stageFiguresOf } from './sighting.js';
import { portionsOf } from './state-changes.js';
import type { Step } from './step.js';

/**
 * Before a campaign ends or goes back: how stages stand whose devices were on their way when they were judged last. Once,
 * as nobody judges it; a report would else tell of devices that are under way long after all is over.
 */
export function countStep(plan: RolloutPlan, state: CampaignState, seen: Sighting | undefined): Step | undefined {
  if (state.isCounted) return undefined;
  const stages = state.stages.flatMap(({ figures }, index) => {
    const isOpen = figures === null || figures.waiting + figures.running + figures.stuck > 0;
    return isOpen && countable(state, index).length > 0 ? [index] : [];
  });
  const portions = stages.flatMap((index) => countable(state, index));
  if (portions.length === 0) return undefined;
  if (seen === undefined) return { kind: 'observe', portions, measures: false, isCount: true };
  const counted = stages
    .filter((index) => countable(state, index).every(({ name }) => seen.portions.has(name)))
    .map((stage) => ({ stage, figures: stageFiguresOf(plan, state, stage, seen) }))
    .filter(({ stage, figures }) => JSON.stringify(figures) !== JSON.stringify(state.stages[stage]!.figures));
  return counted.length === 0 ? undefined : { kind: 'write', events: [{ type: 'counted', stages: counted }] };
}

/** Those that the server can be asked for. */
function countable(state: CampaignState, stage: number): readonly PortionState[] {
  return portionsOf(state, stage).filter(({ status, ref }) => ref !== null && status !== 'lost');
}
