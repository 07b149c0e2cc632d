import type { GateSpec } from './gate-spec.js';
import type { PlanStage } from './plan.js';
import { lowerBound } from './statistics.js';

/** hawkBit's own, where no gate says anything. */
const DEFAULT_PERCENT = 50;

/**
 * At which share of failures a server stops by itself, in case nobody watches: when a failure gate would have failed,
 * whatever became of the other devices of the stage. Not earlier, so that the gate decides wherever somebody does watch.
 * Without such a gate: when its success share cannot be reached any more.
 *
 * @param devices of the stage
 * @returns percent of its devices, a whole number; more than that stops it
 */
export function errorThresholdPercent(gates: readonly GateSpec[], devices: number): number {
  const failure = gates.filter((gate) => gate.type === 'failure');
  const success = gates.filter((gate) => gate.type === 'success');
  const bearable =
    failure.length > 0
      ? failure.map(({ atMostPercent, confidencePercent }) =>
          mostThat((failed) => lowerBound(failed, devices, confidencePercent) * 100 <= atMostPercent, devices),
        )
      : success.map(({ atLeastPercent, confidencePercent }) =>
          mostThat(
            (failed) => lowerBound(devices - failed, devices, confidencePercent) * 100 >= atLeastPercent,
            devices,
          ),
        );
  if (bearable.length === 0) return DEFAULT_PERCENT;
  return Math.min(100, Math.ceil((100 * Math.min(...bearable)) / devices));
}

/**
 * The same of devices that are given a stage's update in one go. Of ten, one that fails is ten percent, and says nothing:
 * a part of the stage stops by itself only where it alone would make the gate fail.
 *
 * @param devices in this part
 */
export function portionThreshold(stage: PlanStage, devices: number): number {
  if (devices >= stage.devices.length) return stage.errorThresholdPercent;
  const failure = stage.gates.filter((gate) => gate.type === 'failure');
  return Math.max(stage.errorThresholdPercent, errorThresholdPercent(failure, devices));
}

/** The largest number for which it holds; it holds for every smaller one, too. 0 where it never does. */
function mostThat(holds: (failed: number) => boolean, devices: number): number {
  let most = 0;
  let tooMany = devices + 1;
  while (tooMany - most > 1) {
    const middle = Math.floor((most + tooMany) / 2);
    if (holds(middle)) most = middle;
    else tooMany = middle;
  }
  return most;
}
