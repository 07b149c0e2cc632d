import { leastMatchBytes, type MatchPlan, matchPlan, usualMemoryBytes } from '../match/match-plan.js';
import { seedIndexBytes } from '../match/seed-index.js';
import type { Way } from './coding-plan.js';
import { WORKING_BYTES } from './process-memory.js';

/**
 * What the matcher is given, bytes: what it takes when memory does not matter, or what there is.
 *
 * @param roomBytes beyond {@link PROCESS_BYTES}
 */
export function matchStage(baseBytes: number, targetBytes: number, roomBytes: number): Way<number> {
  const usual = usualMemoryBytes(baseBytes);
  const given = Math.max(leastMatchBytes(baseBytes, targetBytes), Math.min(usual, roomBytes));
  const plan = matchPlan(baseBytes, targetBytes, given);
  const usually = matchPlan(baseBytes, targetBytes, Math.max(usual, given));
  // by parts it takes what it is given
  const memoryBytes =
    plan.oldBytes < baseBytes || plan.targetBytes < targetBytes ? given : WORKING_BYTES + heldBytes(plan);
  return { how: given, memoryBytes, told: told(plan, usually, baseBytes) };
}

function heldBytes({ step, oldBytes, targetBytes }: MatchPlan): number {
  return oldBytes + targetBytes + seedIndexBytes(oldBytes, step);
}

function told({ step, oldBytes }: MatchPlan, usually: MatchPlan, baseBytes: number): string {
  if (oldBytes < usually.oldBytes) return `matches are sought in ${oldBytes} of ${baseBytes} old bytes at a time`;
  return step > usually.step ? `matches are sought from every ${step}th byte of the old image` : '';
}
