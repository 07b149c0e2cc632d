import type { GateSpec } from '../../src/lib/rollout/gate-spec.js';
import type { RolloutPlan } from '../../src/lib/rollout/plan.js';
import { campaignPlan } from './campaign-plan.js';
import type { MemoryDriverOptions } from './fleet-in-memory.js';

export interface CampaignScenario {
  readonly name: string;
  readonly plan: RolloutPlan;
  readonly server: Omit<MemoryDriverOptions, 'pacing'>;
}

const hasPrevious = (plan: RolloutPlan) =>
  new Map(plan.stages.flatMap(({ devices }) => devices.map(([name]): [string, string] => [name, '1'])));

const success: GateSpec = { type: 'success', atLeastPercent: 50, confidencePercent: 50, completedPercent: 100 };
const abort: GateSpec = {
  type: 'failure',
  atMostPercent: 10,
  confidencePercent: 50,
  minimumSample: 3,
  otherwise: 'abort',
};

function scenario(name: string, plan: RolloutPlan, server: CampaignScenario['server'] = {}): CampaignScenario {
  return { name, plan, server: { having: hasPrevious(plan), ...server } };
}

const badSecondStage = (device: string, { id }: { id: string }) => ({
  outcome: id === '2' && device.startsWith('s2') ? ('failed' as const) : ('installed' as const),
  afterMs: 1_000,
});

/** Whole campaigns that end by themselves: what is done to them in between must change nothing. */
export const SCENARIOS: readonly CampaignScenario[] = [
  scenario('reaches everybody', campaignPlan({ sizes: [2, 3] })),
  scenario(
    'is given out slowly and soaks',
    campaignPlan({
      sizes: [4],
      stage: { rate: { devicesPerMinute: 2, growth: 2 }, gates: [success, { type: 'soak', seconds: 120 }] },
    }),
  ),
  scenario(
    'is aborted by a gate and goes back',
    campaignPlan({
      sizes: [2, 4],
      onAbort: 'rollback',
      stages: [{}, { gates: [abort, success] }],
      cohorts: [{}, { previous: { id: '7', name: 'hub', version: '1.5.0', digest: null } }],
    }),
    { fate: badSecondStage },
  ),
  scenario(
    'is aborted by a gate and leaves it at that',
    campaignPlan({ sizes: [2, 4], stages: [{}, { gates: [abort, success] }] }),
    { fate: badSecondStage },
  ),
  scenario('stands still for a person', campaignPlan({ sizes: [2, 4, 3] }), { fate: badSecondStage }),
];
