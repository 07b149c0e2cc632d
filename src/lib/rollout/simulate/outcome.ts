import type { FleetCount } from './virtual-fleet.js';

/** How campaigns of a simulation end; `unfinished`: nothing happens any more, and it waits. */
export const SIMULATED_ENDS = ['finished', 'paused', 'aborted', 'unfinished'] as const;
export type SimulatedEnd = (typeof SIMULATED_ENDS)[number];

/** What became of one campaign. */
export interface SimulatedOutcome {
  readonly seed: number;
  readonly end: SimulatedEnd;
  /** Place of the stage that was under way. */
  readonly stage: number;
  /** From its start. */
  readonly seconds: number;
  /** One sentence. */
  readonly reason: string;
  /** When it ended: what is still to come is not in it. */
  readonly count: FleetCount;
}

/** Devices that are worse off than before: failed, hung, or bad after they reported success. */
export function harmedOf({ failed, hung, bad }: Pick<FleetCount, 'failed' | 'hung' | 'bad'>): number {
  return failed + hung + bad;
}

/** How far a campaign is. */
export interface SimulatedMoment extends FleetCount {
  /** From its start. */
  readonly seconds: number;
  readonly stage: number;
}

/** Told again and again while a campaign goes on, in order of time. */
export type OnMoment = (moment: SimulatedMoment) => void;
