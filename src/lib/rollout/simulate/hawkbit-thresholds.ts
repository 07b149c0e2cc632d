import { numberText } from '../../core/number-text.js';
import type { RolloutPlan } from '../plan.js';
import type { FleetModel } from './fleet-model.js';
import type { OnMoment, SimulatedEnd, SimulatedOutcome } from './outcome.js';
import { observedAt } from './time-grid.js';
import { VirtualFleet } from './virtual-fleet.js';

/** What a rollout of hawkBit has when nobody says otherwise, percent. */
export const HAWKBIT_DEFAULTS = { successPercent: 50, errorPercent: 50 };

/**
 * The same fleet under hawkBit's own rollout, with the plan's stages as its groups and its default conditions: the next
 * group begins when 50 % of all devices of a group have reported success; the rollout pauses when more than 50 % of all
 * devices of any group have reported an error. Devices that are silent count as neither, and nothing waits in between.
 *
 * @see Eclipse hawkBit: ThresholdRolloutGroupSuccessCondition, ThresholdRolloutGroupErrorCondition
 */
export function simulateHawkbit(
  plan: RolloutPlan,
  model: FleetModel,
  seed: number,
  onMoment: OnMoment = () => {},
): SimulatedOutcome {
  const startedAt = Date.parse(plan.createdAt);
  const fleet = new VirtualFleet(plan, model, seed, startedAt);
  const { successPercent, errorPercent } = HAWKBIT_DEFAULTS;
  let now = startedAt;
  let group = 0;
  let passedAt = startedAt;
  const give = () => fleet.give(group, 0, plan.stages[group]!.devices.length, now);
  const outcome = (end: SimulatedEnd, at: number, reason: string): SimulatedOutcome => {
    return {
      seed,
      end,
      stage: Math.min(group, plan.stages.length - 1),
      seconds: (at - startedAt) / 1000,
      reason,
      count: fleet.count(),
    };
  };
  give();
  for (;;) {
    const next = fleet.nextAt;
    if (next === Number.POSITIVE_INFINITY) break;
    now = Math.max(now, observedAt(next, startedAt, model.observe));
    fleet.advance(now);
    onMoment({ seconds: (now - startedAt) / 1000, stage: Math.min(group, plan.stages.length - 1), ...fleet.count() });
    for (let started = 0; started <= group && started < plan.stages.length; started++) {
      const { total, failed } = fleet.figures(started);
      if (failed * 100 <= errorPercent * total) continue;
      return outcome(
        'paused',
        now,
        `${numberText(failed)} of ${numberText(total)} devices of group ${started + 1} reported an error`,
      );
    }
    if (group === plan.stages.length) continue;
    const { total, installed } = fleet.figures(group);
    if (installed * 100 < successPercent * total) continue;
    passedAt = now;
    group++;
    if (group < plan.stages.length) give();
  }
  return group === plan.stages.length
    ? outcome('finished', passedAt, `all ${group} groups reached ${successPercent} % success`)
    : outcome('unfinished', now, `group ${group + 1} never reached ${successPercent} % success`);
}
