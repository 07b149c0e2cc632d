import * as z from 'zod/mini';
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
  retries: uint,
});
export type StageState = z.output<typeof stageState>;

export const portionState = z.strictObject({
  name: z.string(),
  stage: z.nullable(uint),
  software: z.nullable(softwareRef),
  range: z.nullable(z.tuple([uint, uint])),
  devices: z.nullable(z.array(z.string())),
  status: z.enum(['preparing', 'prepared', 'starting', 'started', 'stopping', 'stopped']),
  ref: z.nullable(z.string()),
  startedAt: timeMs,
});
export type PortionState = z.output<typeof portionState>;

export interface ReturnBatch {
  readonly software: SoftwareRef;
  readonly devices: readonly string[];
}

export interface RollbackState {
  readonly by: string;
  readonly batches: readonly ReturnBatch[];
  readonly cannot: readonly { readonly reason: string; readonly devices: readonly string[] }[];
  /** `total` counts the devices of the batches. */
  readonly figures: z.output<typeof stageFigures> | null;
}

export interface CampaignState {
  readonly name: string;
  readonly planDigest: string;
  readonly openedBy: string;
  readonly openedAt: number;
  readonly phase: CampaignPhase;
  /** The stage that is under way, or comes next. */
  readonly stage: number;
  readonly stages: readonly StageState[];
  /** In the order in which they were made. */
  readonly portions: readonly PortionState[];
  readonly pause: {
    readonly by: string;
    readonly cause: 'operator' | 'gate' | 'server';
    readonly reason: string;
  } | null;
  readonly abort: {
    readonly by: string;
    readonly cause: 'operator' | 'gate';
    readonly reason: string;
    readonly thenRollBack: boolean;
  } | null;
  readonly rollback: RollbackState | null;
  readonly endedAt: number | null;
  /** One sentence; null while it goes on. */
  readonly endReason: string | null;
}
