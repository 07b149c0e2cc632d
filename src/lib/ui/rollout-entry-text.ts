import { escapeText } from '../core/text.js';
import type { CampaignEvent, JournalEntry, PauseCause } from '../rollout/campaign-event.js';
import { devicesCount } from './devices-text.js';
import { stageFiguresText } from './rollout-text.js';
import { countText } from './telemetry-text.js';

/** Devices that are named of those that failed; the report has all of them. */
const MAX_NAMED = 5;

const PAUSE_CAUSE = {
  operator: 'by a person',
  gate: 'by a gate',
  server: 'because of the server',
  expired: 'because the package has expired',
} as const satisfies Record<PauseCause, string>;

/** What is known about a campaign's stages: names, and how many devices each has. */
export type StageNames = readonly { readonly name: string; readonly devices: number }[];

/**
 * An entry of a campaign's journal in one line, `12:03:11 early: paused by a gate: …`; undefined where it tells a person
 * nothing that another entry does not.
 */
export function entryText({ time, event }: JournalEntry, stages: StageNames): string | undefined {
  const text = eventText(event, stages);
  return text && `${new Date(time).toISOString().slice(11, 19)} ${escapeText(text)}`;
}

function eventText(event: CampaignEvent, stages: StageNames): string | undefined {
  const stageName = (at: number | null) => (at === null ? 'going back' : (stages[at]?.name ?? `stage ${at + 1}`));
  switch (event.type) {
    case 'opened':
      return `${event.name}: begun by ${event.by}`;
    case 'preparing':
      return `${stageName(event.stage)}: ${devicesCount(sizeOf(event))} get ${event.software?.version ?? 'the update'}`;
    case 'passed':
      return `${stageName(event.stage)}: passed, ${stageFiguresText(event.figures)}`;
    case 'approved':
      return `${stageName(event.stage)}: approved by ${event.by}${remark(event.remark)}`;
    case 'paused':
      return `paused ${PAUSE_CAUSE[event.cause]}: ${event.reason}`;
    case 'resumed':
      return `resumed by ${event.by}`;
    case 'aborting':
      return `aborted by ${event.cause === 'operator' ? 'a person' : 'a gate'}: ${event.reason}`;
    case 'rolling-back': {
      const devices = event.batches.reduce((sum, batch) => sum + batch.devices.length, 0);
      const cannot = event.cannot.reduce((sum, group) => sum + group.devices.length, 0);
      const rest = cannot === 0 ? '' : `; ${devicesCount(cannot)} cannot: ${event.cannot[0]!.reason}`;
      return `${devicesCount(devices)} asked to go back by ${event.by}${rest}`;
    }
    case 'retrying':
      return `${stageName(event.stage)}: ${devicesCount(event.devices.length)} try again, asked by ${event.by}`;
    case 'failures':
      return failuresText(event, stageName(event.stage));
    case 'lost':
      return `${event.portion}: ${event.reason}`;
    case 'noted':
      return event.text;
    case 'ended':
      return `${event.phase}${remark(event.reason)}`;
    default:
      return undefined;
  }
}

function remark(text: string): string {
  return text === '' ? '' : `: ${text}`;
}

function sizeOf({ range, devices }: Extract<CampaignEvent, { type: 'preparing' }>): number {
  return range === null ? (devices?.length ?? 0) : range[1] - range[0];
}

function failuresText(
  { devices, more }: Extract<CampaignEvent, { type: 'failures' }>,
  stage: string,
): string | undefined {
  if (devices.length === 0) return undefined;
  const named = devices.slice(0, MAX_NAMED).map(({ device, outcome, message }) => {
    return `${device} ${outcome}${message === '' ? '' : ` (${message})`}`;
  });
  const rest = devices.length + more - named.length;
  return `${stage}: ${named.join(', ')}${rest > 0 ? ` and ${countText(rest)} more` : ''}`;
}
