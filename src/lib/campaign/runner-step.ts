import { clipText } from '../core/text.js';
import type { FleetDriver } from '../fleet-api/driver.js';
import type { Pacing } from '../net/pacing.js';
import type { JournalEntry } from '../rollout/campaign-event.js';
import type { RolloutPlan } from '../rollout/plan.js';
import type { CampaignGauges } from './gauges.js';
import type { Journal } from './journal.js';

export interface RunnerOptions {
  readonly plan: RolloutPlan;
  /** With its opening in it; see `openCampaign`. */
  readonly journal: Journal;
  readonly driver: FleetDriver;
  readonly pacing: Pacing;
  readonly gauges?: CampaignGauges;
  /** How often the server is asked how it goes, milliseconds. */
  readonly pollMs?: number;
}

/** What one step has come to. */
export interface RunnerStep {
  /** What was written down. */
  readonly entries: readonly JournalEntry[];
  /** When to come again: at once; `afterMs` later; once somebody has asked for something; or never. */
  readonly next:
    | { readonly kind: 'now' }
    | { readonly kind: 'later'; readonly afterMs: number; readonly reason: string }
    | { readonly kind: 'rest' }
    | { readonly kind: 'over' };
}

export function again(entries: readonly JournalEntry[]): RunnerStep {
  return { entries, next: { kind: 'now' } };
}

/** What servers and devices say, as long as a journal keeps it. */
export function told(text: string): string {
  return clipText(text, 2_000);
}
