import * as z from 'zod/mini';
import type { PauseCause } from './campaign-event.js';
import { stageFigures, stageVerdict } from './observation.js';
import { type SoftwareRef, softwareRef } from './plan.js';

/** Where a campaign stands: what the events of its journal add up to. Times are milliseconds since 1970. */

export const CAMPAIGN_PHASES = [
  'running',
  'paused',
  /** Cancelling what is pending. */
  'aborting',
  'rolling-back',
  'finished',
  'aborted',
  'rolled-back',
  'rollback-failed',
] as const;
export type CampaignPhase = (typeof CAMPAIGN_PHASES)[number];

const uint = z.int().check(z.minimum(0));
const timeMs = z.nullable(uint);

/** What a person has accepted of a stage, so that the same evidence does not stop it twice. */
export const acceptance = z.strictObject({
  by: z.string(),
  at: uint,
  /** Devices that had not made it by then. One more is new evidence. */
  bad: uint,
  /** Places of the gates that stood in the way. */
  gates: z.array(uint),
  /** True: the stage may pass in spite of them. False: it goes on, and waits for that. */
  passes: z.boolean(),
});
export type Acceptance = z.output<typeof acceptance>;

export const stageState = z.strictObject({
  status: z.enum(['waiting', 'running', 'passed', 'stopped']),
  /** Devices that portions were made for, from the first on. */
  given: uint,
  /** When its first portion was started. */
  startedAt: timeMs,
  /** See `Observation.goodSince`. */
  goodSince: timeMs,
  /** Last ones that were written down; null: never judged. */
  figures: z.nullable(stageFigures),
  verdict: z.nullable(stageVerdict),
  judgedAt: timeMs,
  approvedBy: z.nullable(z.string()),
  passedAt: timeMs,
  accepted: z.nullable(acceptance),
  retries: uint,
  /** Devices that are to be tried again, as soon as it goes on; their portion is not made yet. */
  retryDevices: z.nullable(z.array(z.string())),
  /** Devices that ended so in one portion and were given to another. */
  retried: z.strictObject({ failed: uint, canceled: uint }),
  /** When a portion of it was last announced. */
  lastGivenAt: timeMs,
  /** How often its rate has grown, and how many devices have to be installed for the next time. */
  rate: z.strictObject({ grown: uint, nextAt: uint }),
  /** Whether its failures are named in the journal as they stand. */
  failuresNamed: z.boolean(),
});
export type StageState = z.output<typeof stageState>;

export const portionState = z.strictObject({
  name: z.string(),
  stage: z.nullable(uint),
  software: z.nullable(softwareRef),
  range: z.nullable(z.tuple([uint, uint])),
  devices: z.nullable(z.array(z.string())),
  /**
   * `holding`: started, and the server is to be told to hold it back, as the campaign is paused; `held`: it was told;
   * `continuing`: it is to be told to go on with it.
   */
  status: z.enum([
    ...['preparing', 'prepared', 'starting', 'started', 'holding', 'held', 'continuing', 'stopping', 'stopped', 'lost'],
  ] as const),
  ref: z.nullable(z.string()),
  /** When its status last changed, or a person said to try again. */
  changedAt: uint,
  /** The server had stopped or lost it, and a person has said to go on all the same. */
  isContinued: z.boolean(),
  /** Why it is lost. */
  lostReason: z.nullable(z.string()),
  startedAt: timeMs,
});
export type PortionState = z.output<typeof portionState>;

export interface ReturnBatch {
  readonly software: SoftwareRef;
  readonly devices: readonly string[];
}

export interface RollbackState {
  readonly by: string;
  /** How many portions had gone back before, in an attempt that failed. */
  readonly before: number;
  readonly batches: readonly ReturnBatch[];
  readonly cannot: readonly { readonly reason: string; readonly devices: readonly string[] }[];
  /** `total` counts the devices of the batches. */
  readonly figures: z.output<typeof stageFigures> | null;
  readonly failuresNamed: boolean;
}

export interface CampaignState {
  readonly name: string;
  readonly planDigest: string;
  readonly openedBy: string;
  readonly openedAt: number;
  /** Time of the last event. */
  readonly updatedAt: number;
  readonly phase: CampaignPhase;
  /** The stage that is under way, or comes next. */
  readonly stage: number;
  readonly stages: readonly StageState[];
  /** In the order in which they were made. */
  readonly portions: readonly PortionState[];
  readonly pause: {
    readonly by: string;
    readonly cause: PauseCause;
    readonly reason: string;
    /** A person has approved the stage in spite of the gate. */
    readonly isOverruled: boolean;
  } | null;
  readonly abort: {
    readonly by: string;
    readonly cause: 'operator' | 'gate';
    readonly reason: string;
    readonly thenRollBack: boolean;
  } | null;
  readonly rollback: RollbackState | null;
  /** Stages were counted once more, since it was aborted or all of them have passed. */
  readonly isCounted: boolean;
  readonly endedAt: number | null;
  /** One sentence; null while it goes on. */
  readonly endReason: string | null;
}
