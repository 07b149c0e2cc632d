import type { GroupStatus, RolloutStatus } from './rollout-status.js';

/** What is known of a group. Devices that were deleted since are in none of the numbers. */
export interface GroupFacts {
  readonly id: number;
  readonly status: GroupStatus;
  /** Its devices. */
  readonly total: number;
  /** Of these: not yet given the set. */
  readonly waiting: number;
  /** Had the set before, or were on their way to it: they say nothing about how the update goes. */
  readonly alreadyAssigned: number;
  /** Actions that have not ended. */
  readonly active: number;
  readonly finished: number;
  readonly errors: number;
  /** Percent. */
  readonly successThreshold: number;
  readonly successAction: 'nextgroup' | 'pause';
  /** Percent; null: errors stop nothing. */
  readonly errorThreshold: number | null;
  /** Its success was acted upon. */
  readonly hasSucceeded: boolean;
}

export interface RolloutFacts {
  readonly status: RolloutStatus;
  /** Milliseconds since 1970. */
  readonly startAt: number | null;
  readonly needsApproval: boolean;
  /** In their order. */
  readonly groups: readonly GroupFacts[];
  /** Active actions that nobody has cancelled yet. */
  readonly uncancelled: number;
  /** Active actions. */
  readonly active: number;
  /** Whether it was ever started: then it is kept as history. */
  readonly wasStarted: boolean;
}

/** One thing to be done now; everything else follows from the facts afterwards. */
export type Step =
  /** Puts some more devices into a group that is being made. */
  | { readonly kind: 'fill'; readonly groupId: number }
  | { readonly kind: 'become'; readonly status: RolloutStatus }
  /** Starts the rollout: all groups are scheduled. */
  | { readonly kind: 'begin' }
  /** Gives some more devices of a group the set. */
  | { readonly kind: 'give'; readonly groupId: number }
  /** These groups went wrong and the rollout pauses: all of them at once, so that no pause is lost (hawkbit#2161). */
  | {
      readonly kind: 'fail';
      readonly groupIds: readonly number[];
      readonly reason: 'errorCondition' | 'successNotReached';
    }
  /** All devices of a group have ended. */
  | { readonly kind: 'finish-group'; readonly groupId: number }
  /** The success condition of a group is met; `next` starts, or the rollout pauses before it. */
  | { readonly kind: 'succeed'; readonly groupId: number; readonly next: number | undefined; readonly pauses: boolean }
  | { readonly kind: 'start-group'; readonly groupId: number }
  /** Cancels some more actions. */
  | { readonly kind: 'cancel'; readonly isForced: boolean }
  /** Removes a rollout that was never started. */
  | { readonly kind: 'remove' };

/**
 * What is to be done with a rollout.
 *
 * @param now milliseconds since 1970
 * @returns undefined: nothing, until a device, an operator or the clock changes the facts
 */
export function nextStep(facts: RolloutFacts, now: number): Step | undefined {
  switch (facts.status) {
    case 'creating': {
      const group = facts.groups.find(({ status }) => status === 'creating');
      if (group !== undefined) return { kind: 'fill', groupId: group.id };
      return { kind: 'become', status: facts.needsApproval ? 'waiting_for_approval' : 'ready' };
    }
    case 'ready':
      return facts.startAt !== null && facts.startAt <= now ? { kind: 'become', status: 'starting' } : undefined;
    case 'starting':
      return { kind: 'begin' };
    case 'running':
      return nextOfRunning(facts);
    case 'stopping':
      return facts.uncancelled > 0 ? { kind: 'cancel', isForced: false } : { kind: 'become', status: 'stopped' };
    case 'deleting':
      if (facts.active > 0) return { kind: 'cancel', isForced: true };
      return facts.wasStarted ? { kind: 'become', status: 'deleted' } : { kind: 'remove' };
    default:
      return undefined;
  }
}

function nextOfRunning({ groups }: RolloutFacts): Step | undefined {
  const failing = groups.filter((group) => group.status === 'running' && hasTooManyErrors(group));
  if (failing.length > 0) return { kind: 'fail', groupIds: failing.map(({ id }) => id), reason: 'errorCondition' };

  const waiting = groups.find((group) => isStarted(group) && group.waiting > 0);
  if (waiting !== undefined) return { kind: 'give', groupId: waiting.id };

  const ended = groups.find((group) => group.status === 'running' && hasEnded(group));
  if (ended !== undefined) return { kind: 'finish-group', groupId: ended.id };

  const successful = groups.find(
    (group) =>
      (group.status === 'running' || group.status === 'finished') && !group.hasSucceeded && isSuccessful(group),
  );
  const next = groups.find(({ status }) => status === 'scheduled');
  if (successful !== undefined) {
    const pauses = successful.successAction === 'pause' && next !== undefined;
    return { kind: 'succeed', groupId: successful.id, next: pauses ? undefined : next?.id, pauses };
  }
  if (next !== undefined) return nextBefore(groups, next);
  return groups.every(hasEnded) ? { kind: 'become', status: 'finished' } : undefined;
}

/** With groups still to come: the last one that was started decides. */
function nextBefore(groups: readonly GroupFacts[], next: GroupFacts): Step | undefined {
  const last = groups.filter(isStarted).at(-1);
  // It went wrong, or paused the rollout on success, and an operator has said to go on.
  if (last === undefined || last.status === 'error' || last.hasSucceeded)
    return { kind: 'start-group', groupId: next.id };
  if (last.status !== 'finished') return undefined;
  // Neither condition is met and nothing will change any more. Unlike hawkBit we do not go on by ourselves.
  return { kind: 'fail', groupIds: [last.id], reason: 'successNotReached' };
}

function isStarted({ status }: GroupFacts): boolean {
  return status === 'running' || status === 'finished' || status === 'error';
}

function hasEnded({ waiting, active }: GroupFacts): boolean {
  return waiting === 0 && active === 0;
}

/** Strictly more, as hawkBit: with 0 % the first error stops. */
function hasTooManyErrors(group: GroupFacts): boolean {
  return group.errorThreshold !== null && group.errors * 100 > group.errorThreshold * updated(group);
}

/** An empty group, or one whose devices all had the set, holds nothing up. */
function isSuccessful(group: GroupFacts): boolean {
  return group.waiting === 0 && group.finished * 100 >= group.successThreshold * updated(group);
}

/** Devices that can tell how the update goes. */
function updated({ total, alreadyAssigned }: GroupFacts): number {
  return total - alreadyAssigned;
}
