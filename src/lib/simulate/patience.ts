import type { Experiment } from './experiment.js';
import { type Broken, broken } from './invariants.js';
import type { Phase } from './scenario.js';

/** What the patience with a life depends on. */
type Patience = Pick<Experiment, 'bootAttempts'>;

/** After its last fault, no sound life takes so many steps. */
export function stepsAtMost({ bootAttempts }: Patience, phases: readonly Phase[]): number {
  return 50 + 10 * (bootAttempts + badBoots(phases));
}

/** Of a life that takes more. */
export function restless(): Broken {
  return broken('stable', 'the device does the same again and again and never reaches its goal');
}

/** @param boots until the goal of the phase was reached, after the last of so many faults */
export function brokenByUnrest(
  { bootAttempts }: Patience,
  phases: readonly Phase[],
  { boots, faults }: { boots: number; faults: number },
): Broken | undefined {
  // Each fault may cost a release all its attempts, and one boot more to start again.
  const most = (bootAttempts + badBoots(phases) + 4) * (faults + 1);
  if (boots <= most) return undefined;
  return broken('stable', `it took ${boots} boots to get to its goal, at most ${most} are sound`);
}

function badBoots(phases: readonly Phase[]): number {
  return Math.max(...phases.map(({ firstBoots = 0 }) => firstBoots));
}
