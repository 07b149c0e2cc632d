import type { CampaignGauges } from '../../src/lib/campaign/gauges.js';
import { openCampaign } from '../../src/lib/campaign/open-campaign.js';
import { CampaignRunner, type RunnerStep } from '../../src/lib/campaign/runner.js';
import type { Pacing } from '../../src/lib/net/pacing.js';
import type { CampaignEvent, CampaignEventType, EventOf } from '../../src/lib/rollout/campaign-event.js';
import type { RolloutPlan } from '../../src/lib/rollout/plan.js';
import { PLANNED_AT } from './campaign-plan.js';
import { MemoryDriver, type MemoryDriverOptions } from './fleet-in-memory.js';
import { leapingTime } from './leaping-time.js';
import { MemoryJournal } from './memory-journal.js';

export const NEVER = new AbortController().signal;

export interface DrivenCampaign {
  readonly plan: RolloutPlan;
  readonly driver: MemoryDriver;
  readonly journal: MemoryJournal;
  readonly pacing: Pacing;
  readonly runner: CampaignRunner;
  /** Until it ends, rests, or is none the wiser after so many looks. */
  drive(looks?: number): Promise<RunnerStep['next']>;
  /** Events of a type, in order. */
  events<T extends CampaignEventType>(type: T): EventOf<T>[];
}

/** A campaign that was opened, at a fleet server in memory, in leaping time. */
export async function drivenCampaign(
  plan: RolloutPlan,
  options: Omit<MemoryDriverOptions, 'pacing'> & { pacing?: Pacing; serverTime?: Pacing; gauges?: CampaignGauges } = {},
): Promise<DrivenCampaign> {
  const pacing = options.pacing ?? leapingTime(PLANNED_AT);
  const driver = new MemoryDriver({ ...options, pacing: options.serverTime ?? pacing });
  const journal = new MemoryJournal();
  await openCampaign(journal, plan, { by: 'ada', time: pacing.now().getTime() });
  const gauges = options.gauges ?? {};
  const runner = await CampaignRunner.open({ plan, journal, driver, pacing, gauges });
  return {
    ...{ plan, driver, journal, pacing, runner },
    drive: (looks) => drive(runner, pacing, looks),
    events: <T extends CampaignEventType>(type: T) =>
      journal.entries
        .map(({ event }): CampaignEvent => event)
        .filter((event): event is EventOf<T> => event.type === type),
  };
}

/** @param looks how often it may find nothing to do */
export async function drive(runner: CampaignRunner, pacing: Pacing, looks = 2_000): Promise<RunnerStep['next']> {
  for (let left = looks, steps = 0; ; steps++) {
    const { next } = await runner.step(NEVER);
    if (next.kind === 'rest' || next.kind === 'over') return next;
    if (next.kind === 'later') {
      if (left-- === 0) return next;
      await pacing.delay(next.afterMs);
    }
    if (steps > 200 + looks * 20) throw new Error('the campaign goes round in circles');
  }
}
