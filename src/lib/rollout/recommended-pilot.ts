import type { WantedStage } from './assemble-plan.js';
import { successesNeeded } from './statistics.js';

/** Of so many devices a gate of 95 % at 95 % confidence bears four that fail: a build that fails on 1 % passes 19 times in 20. */
const PILOT_DEVICES = 200;
/** What may be risked for it. */
const MOST_PERCENT = 5;

/**
 * Widens the pilot of the recommended stages where its share is so few devices that one failure, or one that is away,
 * would stop a good build (docs/decisions/0015): to 200 devices, or to 5 % of all.
 *
 * @param devices that get the update, all stages together
 * @returns the stages, and a sentence where something was changed
 */
export function widenPilot(
  stages: readonly WantedStage[],
  devices: number,
): { stages: readonly WantedStage[]; notes: string[] } {
  const [pilot, ...others] = stages;
  if (pilot?.members.kind !== 'percent' || others.length === 0) return { stages, notes: [] };
  const planned = Math.round((pilot.members.upTo / 100) * devices);
  const wanted = Math.min(PILOT_DEVICES, Math.floor((MOST_PERCENT / 100) * devices));
  // Too few for its gate all the same: it becomes part of the next stage, as it is.
  if (wanted <= planned || wanted < neededBy(pilot)) return { stages, notes: [] };
  const upTo = Math.min(MOST_PERCENT, (wanted / devices) * 100);
  const name = `${Number(upTo.toFixed(1))}%`;
  const note = `stage ${pilot.name} is ${wanted} devices instead of ${planned}, and called ${name}: of fewer, one failure would stop a good build`;
  return { stages: [{ ...pilot, name, members: { kind: 'percent', upTo } }, ...others], notes: [note] };
}

function neededBy({ gates }: WantedStage): number {
  const success = gates.find((gate) => gate.type === 'success');
  return success === undefined ? 0 : successesNeeded(success.atLeastPercent, success.confidencePercent);
}
