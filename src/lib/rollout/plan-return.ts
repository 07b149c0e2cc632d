import { clipText } from '../core/text.js';
import type { CampaignEvent, EventOf } from './campaign-event.js';
import type { RolloutPlan, SoftwareRef } from './plan.js';

/** Of those that are left alone. */
const MOST_NAMED = 20;

/** Devices of a campaign, as they stand when everything is stopped. */
export interface ReturnCandidates {
  /** They have the update, or may have it: they were on their way, and nobody knows how far they got. */
  readonly having: ReadonlySet<string>;
  /** Nothing can be asked of them, and why. */
  readonly unreachable: ReadonlyMap<string, string>;
  /** They had the update, and have been given something else since: they are left alone. In ascending order. */
  readonly elsewhere: readonly string[];
}

/**
 * Who goes back to what, in the order of the plan: each device that has or may have the update is asked to go back to what
 * it ran when the plan was made. Devices that failed have fallen back by themselves, those that let go of it never had it,
 * and those that had it before did not get it from this campaign: none of them is touched.
 */
function planReturn(plan: RolloutPlan, { having, unreachable }: ReturnCandidates, by: string): EventOf<'rolling-back'> {
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

/** How devices go back, and before it who is left alone. */
export function returnEvents(plan: RolloutPlan, candidates: ReturnCandidates, by: string): CampaignEvent[] {
  const { length } = candidates.elsewhere;
  if (length === 0) return [planReturn(plan, candidates, by)];
  const named = candidates.elsewhere.slice(0, MOST_NAMED).join(', ');
  const more = length > MOST_NAMED ? ` and ${(length - MOST_NAMED).toLocaleString('en-US')} more` : '';
  const text = `left alone, as they were given something else since they had the update: ${named}${more}`;
  return [{ type: 'noted', text: clipText(text, 2_048) }, planReturn(plan, candidates, by)];
}

function listIn(lists: Map<string, string[]>, key: string): string[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}
