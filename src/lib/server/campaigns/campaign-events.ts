import type { JournalEntry } from '../../rollout/campaign-event.js';
import type { NewEvent } from '../events/event-log.js';

/**
 * What watchers are told of a campaign: `{"event":"campaign","campaign":"spring","seq":7,"entry":{"type":"passed",…}}`. Lists of
 * devices are left out, `deviceCount` in their place; the journal has them.
 */
export function campaignEvent(
  { tenantId, campaign }: { readonly tenantId: number; readonly campaign: string },
  { seq, time, event }: JournalEntry,
): NewEvent {
  return {
    tenantId,
    type: 'rollout',
    time,
    body: { event: 'campaign', campaign, seq, entry: withoutDevices(event) },
  };
}

function withoutDevices(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDevices);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) =>
      name === 'devices' && Array.isArray(member) ? ['deviceCount', member.length] : [name, withoutDevices(member)],
    ),
  );
}
