import { leastMatchBytes, type MatchPlan, matchPlan, usualMemoryBytes, WORKING_BYTES } from '../match/match-plan.js';
import { seedIndexBytes } from '../match/seed-index.js';
import type { Way } from './coding-plan.js';

/**
 * Of parts that are matched one after another, the allocator keeps what two of their arrays have: up to two thirds of
 * what is held, and no more than this, bytes.
 */
const MOST_KEPT_BYTES = 32 * 1024 * 1024;
const HELD_SHARE = 0.6;

/**
 * What the matcher is given, bytes: what it takes when memory does not matter, or what there is.
 *
 * @param roomBytes beyond {@link PROCESS_BYTES}
 */
export function matchStage(baseBytes: number, targetBytes: number, roomBytes: number): Way<number> {
  const usual = usualMemoryBytes(baseBytes);
  const usually = matchPlan(baseBytes, targetBytes, Math.max(usual, leastMatchBytes(baseBytes, targetBytes)));
  const whole = Math.min(usual, roomBytes);
  if (whole >= leastMatchBytes(baseBytes, targetBytes)) {
    const plan = matchPlan(baseBytes, targetBytes, whole);
    if (plan.oldBytes === baseBytes && plan.targetBytes === targetBytes) {
      return { how: whole, memoryBytes: WORKING_BYTES + heldBytes(plan), told: told(plan, usually, baseBytes) };
    }
  }
  const least = leastMatchBytes(baseBytes, targetBytes) - WORKING_BYTES;
  const held = Math.max(least, Math.min(usual - WORKING_BYTES, Math.floor(heldWithin(roomBytes - WORKING_BYTES))));
  const how = WORKING_BYTES + held;
  const plan = matchPlan(baseBytes, targetBytes, how);
  return {
    how,
    memoryBytes: WORKING_BYTES + held + Math.ceil(Math.min(MOST_KEPT_BYTES, held / HELD_SHARE - held)),
    told: told(plan, usually, baseBytes),
  };
}

function heldWithin(bytes: number): number {
  return Math.max(bytes * HELD_SHARE, bytes - MOST_KEPT_BYTES);
}

function heldBytes({ step, oldBytes, targetBytes }: MatchPlan): number {
  return oldBytes + targetBytes + seedIndexBytes(oldBytes, step);
}

function told({ step, oldBytes }: MatchPlan, usually: MatchPlan, baseBytes: number): string {
  if (oldBytes < usually.oldBytes) return `matches are sought in ${oldBytes} of ${baseBytes} old bytes at a time`;
  return step > usually.step ? `matches are sought from every ${step}th byte of the old image` : '';
}
