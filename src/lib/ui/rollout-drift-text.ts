import { escapeText } from '../core/text.js';
import type { Drift } from '../rollout/plan-drift.js';
import { devicesCount } from './devices-text.js';
import { driftText } from './rollout-text.js';
import { countText } from './telemetry-text.js';

/** Devices that are named of each kind; `--json` has all of them. */
const MAX_NAMED = 10;

/** What has changed since a plan was made, with names. */
export function driftDetailText(drift: Drift): string {
  const kinds = [
    ['new, and get nothing', drift.appeared],
    ['gone', drift.gone],
    ['updated already', drift.updated],
    ['on another version', drift.changed],
  ] as const;
  const lists = kinds
    .filter(([, devices]) => devices.length > 0)
    .map(([what, devices]) => `${what}: ${namesText(devices)}`);
  if (lists.length === 0) return `Nothing has changed for the ${devicesCount(drift.planned)} of the plan`;
  const verdict = `${driftText(drift)}; ${drift.allowedPercent} % are allowed${drift.isWithinAllowed ? '' : ', so the plan does not start'}`;
  return [verdict, ...lists].join('\n');
}

function namesText(devices: readonly string[]): string {
  const named = devices.slice(0, MAX_NAMED).map(escapeText).join(', ');
  const more = devices.length - MAX_NAMED;
  return more > 0 ? `${named} and ${countText(more)} more` : named;
}
