import type { GateSpec } from '../gate-spec.js';
import { isCertainlyAtLeast } from '../statistics.js';

/**
 * How many devices of a stage may fail or stay silent, and it still passes once all others have succeeded. A stage that bears
 * fewer than go wrong on a good day is stopped on a good day.
 *
 * @returns null: it has no success gate; -1: it cannot pass, whatever its devices do
 */
export function bearableFailures(gates: readonly GateSpec[], devices: number): number | null {
  const success = gates.filter((gate) => gate.type === 'success');
  if (success.length === 0) return null;
  const passes = (failed: number) =>
    success.every(({ atLeastPercent, confidencePercent }) =>
      isCertainlyAtLeast(devices - failed, devices, atLeastPercent, confidencePercent),
    );
  let [passing, failing] = [-1, devices + 1];
  while (failing - passing > 1) {
    const middle = Math.floor((passing + failing) / 2);
    if (passes(middle)) passing = middle;
    else failing = middle;
  }
  return passing;
}
