import { OtaError } from '../../core/errors.js';
import type { PlanStage, RolloutPlan } from '../plan.js';

/**
 * The same plan for a fleet of another size: each stage with its share of the devices, at least one, and as many of each
 * kind, in the order in which they are given the update. Devices lose their names.
 *
 * @throws OtaError USAGE: fewer devices than stages
 */
export function scaledPlan(plan: RolloutPlan, devices: number): RolloutPlan {
  const total = plan.stages.reduce((sum, stage) => sum + stage.devices.length, 0);
  if (devices === total) return plan;
  if (devices < plan.stages.length) {
    throw new OtaError('USAGE', `${devices} devices for ${plan.stages.length} stages, expected one for each at least`);
  }
  let planned = 0;
  let given = 0;
  const stages = plan.stages.map((stage, index): PlanStage => {
    planned += stage.devices.length;
    const left = plan.stages.length - index - 1;
    const upTo = Math.min(Math.max(Math.round((planned / total) * devices), given + 1), devices - left);
    const size = upTo - given;
    given = upTo;
    return { ...stage, devices: sized(stage.devices, size) };
  });
  return { ...plan, stages };
}

/** References to the same few tuples: a million devices take eight megabytes. */
function sized(devices: PlanStage['devices'], size: number): PlanStage['devices'] {
  return Array.from({ length: size }, (_, index) => devices[Math.floor((index * devices.length) / size)]!);
}
