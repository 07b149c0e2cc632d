import { harmedOf, SIMULATED_ENDS, type SimulatedEnd, type SimulatedOutcome } from './outcome.js';
import { type Spread, spreadOf } from './spread.js';

/** What became of several campaigns, each with another fleet. */
export interface CampaignsSummary {
  readonly campaigns: number;
  readonly ends: Readonly<Record<SimulatedEnd, number>>;
  /** Campaigns that did not finish, by the place of the stage in which they stood still. */
  readonly stoppedIn: readonly number[];
  /** Devices that had got it when it ended. */
  readonly reached: Spread;
  /** Devices that were given it by then, whether or not they have come for it. */
  readonly offered: Spread;
  /** Devices that failed, hung, or turned bad. */
  readonly harmed: Spread;
  /** From the start to the end. */
  readonly seconds: Spread;
  /** The first of them. */
  readonly first: SimulatedOutcome;
}

/** @param outcomes one or more */
export function summaryOf(outcomes: readonly SimulatedOutcome[], stages: number): CampaignsSummary {
  const stopped = outcomes.filter(({ end }) => end !== 'finished');
  const countOf = (wanted: SimulatedEnd) => outcomes.filter(({ end }) => end === wanted).length;
  return {
    campaigns: outcomes.length,
    ends: Object.fromEntries(SIMULATED_ENDS.map((end) => [end, countOf(end)])) as Record<SimulatedEnd, number>,
    stoppedIn: Array.from({ length: stages }, (_, stage) => stopped.filter((one) => one.stage === stage).length),
    reached: spreadOf(outcomes.map(({ count }) => count.reached)),
    offered: spreadOf(outcomes.map(({ count }) => count.offered)),
    harmed: spreadOf(outcomes.map(({ count }) => harmedOf(count))),
    seconds: spreadOf(outcomes.map(({ seconds }) => seconds)),
    first: outcomes[0]!,
  };
}
