import type { EventOf } from './campaign-event.js';
import type { RolloutPlan, SoftwareRef } from './plan.js';

/** Devices of a campaign, as they stand when everything is stopped. */
export interface ReturnCandidates {
  /** They have the update, or may have it: they were on their way, and nobody knows how far they got. */
  readonly having: ReadonlySet<string>;
  /** Nothing can be asked of them, and why. */
  readonly unreachable: ReadonlyMap<string, string>;
}

/**
 * Who goes back to what, in the order of the plan: each device that has or may have the update is asked to go back to what
 * it ran when the plan was made. Devices that failed have fallen back by themselves, those that let go of it never had it,
 * and those that had it before did not get it from this campaign: none of them is touched.
 */
export function planReturn(
  plan: RolloutPlan,
  { having, unreachable }: ReturnCandidates,
  by: string,
): EventOf<'rolling-back'> {
  const batches = new Map<string, { software: SoftwareRef; devices: string[] }>();
  const cannot = new Map<string, string[]>();
  for (const [device, place] of plan.stages.flatMap(({ devices }) => devices)) {
    const reason = unreachable.get(device);
    if (reason !== undefined) {
      listIn(cannot, reason).push(device);
    } else if (having.has(device)) {
      const { previous, cannotReturn } = plan.cohorts[place]!;
      if (previous === null || cannotReturn !== null) {
        listIn(cannot, cannotReturn ?? 'what it ran before is not known to the server').push(device);
      } else {
        const batch = batches.get(previous.id) ?? { software: previous, devices: [] };
        batches.set(previous.id, batch);
        batch.devices.push(device);
      }
    }
  }
  return {
    type: 'rolling-back',
    by,
    batches: [...batches.values()],
    cannot: [...cannot].map(([reason, devices]) => ({ reason, devices })),
  };
}

function listIn(lists: Map<string, string[]>, key: string): string[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}
