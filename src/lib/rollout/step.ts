import type { CampaignEvent } from './campaign-event.js';
import type { PortionState } from './campaign-state.js';
import type { StageFigures, StageVerdict } from './observation.js';
import type { Sighting } from './sighting.js';

/** What a campaign does next. */
export type Step =
  /** Write down what was decided, or what is about to be done; nothing is done at the server yet. */
  | { readonly kind: 'write'; readonly events: readonly CampaignEvent[]; readonly seen?: StageSeen }
  /** Do what the journal announces, then confirm it there: `prepared`, `started`, `held` or `stopped`. */
  | { readonly kind: 'prepare' | 'start' | 'hold' | 'continue' | 'stop'; readonly portion: PortionState }
  /** Ask how these portions go, and with `measures` what the gates of the stage measure; then decide with it. */
  | {
      readonly kind: 'observe';
      readonly portions: readonly PortionState[];
      readonly measures: boolean;
      /** For the record only: a portion that the server does not know is left out. */
      readonly isCount?: true;
    }
  /** Ask which devices failed, and write it down; null: of those that went back. */
  | { readonly kind: 'name-failures'; readonly stage: number | null }
  /** Ask which devices have the update, or may have it, and write down how they go back. */
  | { readonly kind: 'gather' }
  | {
      readonly kind: 'wait';
      /** Look again at the latest then, milliseconds since 1970; null: when it is due to poll. */
      readonly untilMs: number | null;
      readonly reason: string;
      /** The server tells what cannot be: it is given some time to come to its senses. */
      readonly isMisreport?: boolean;
      readonly seen?: StageSeen;
    }
  /** Paused: nothing is done until somebody asks for it. */
  | { readonly kind: 'rest' }
  | { readonly kind: 'over' };

/** What was seen on the way to a step: for whoever watches. */
export interface StageSeen {
  readonly figures: StageFigures;
  readonly verdict?: StageVerdict;
}

export interface StepContext {
  /** Milliseconds since 1970, never before the last event. */
  readonly now: number;
  /** What was seen just now; absent: nothing yet. */
  readonly seen?: Sighting;
  /** Since when the server has told what cannot be, milliseconds since 1970; null: it does not. */
  readonly misreportedSince: number | null;
  /** The clock was set ahead: how long gates have held is not known. */
  readonly forgetsSoak?: boolean;
}

/** How long a server may take to make a portion ready, or to tell figures that add up, before the campaign stands still. */
export const SERVER_PATIENCE_MS = 10 * 60_000;
