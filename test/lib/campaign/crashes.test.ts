import { expect, test } from 'vitest';
import { openCampaign } from '../../../src/lib/campaign/open-campaign.js';
import { CampaignRunner } from '../../../src/lib/campaign/runner.js';
import { EMPTY_JOURNAL, followJournal } from '../../../src/lib/rollout/journal-chain.js';
import { PLANNED_AT } from '../../support/campaign-plan.js';
import { type CampaignScenario, SCENARIOS } from '../../support/campaign-scenarios.js';
import { drive } from '../../support/driven-campaign.js';
import { MemoryDriver } from '../../support/fleet-in-memory.js';
import { leapingTime } from '../../support/leaping-time.js';
import { MemoryJournal } from '../../support/memory-journal.js';

class Crash extends Error {}

/** Runs a campaign, and lets it crash at the numbered points: before or after the server or the journal has done something. */
async function run({ plan, server }: CampaignScenario, crashesAt: (point: number) => boolean) {
  let point = 0;
  const crash = () => {
    if (crashesAt(point++)) throw new Crash();
  };
  const pacing = leapingTime(PLANNED_AT);
  const driver = new MemoryDriver({ ...server, pacing, around: crash });
  const journal = new MemoryJournal(crash);
  let crashes = 0;
  for (;;) {
    try {
      if (journal.entries.length === 0) await openCampaign(journal, plan, { by: 'ada', time: PLANNED_AT });
      const runner = await CampaignRunner.open({ plan, journal, driver, pacing, pollMs: 15_000 });
      const next = await drive(runner, pacing);
      followJournal(EMPTY_JOURNAL, journal.entries);
      const { phase, endReason, pause, stages, rollback } = runner.state;
      const devices = plan.stages.flatMap((stage) => stage.devices.map(([name]) => name));
      return {
        points: point,
        crashes,
        end: {
          ...{ next, phase, endReason, pause, cannot: rollback?.cannot },
          stages: stages.map(({ status, figures, given }) => ({ status, figures, given })),
          /** What each device was given, how often, in which order. */
          given: [...driver.given].sort(),
          portions: driver.portions,
          software: devices.map((device) => driver.softwareOf(device)),
        },
      };
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      crashes += 1;
    }
  }
}

for (const scenario of SCENARIOS) {
  test(`a campaign that ${scenario.name} ends the same wherever it crashes once`, async () => {
    const undisturbed = await run(scenario, () => false);
    expect(undisturbed.points).toBeGreaterThan(20);
    for (let at = 0; at < undisturbed.points; at++) {
      const { end, crashes } = await run(scenario, (point) => point === at);
      expect(crashes).toBe(1);
      expect(end, `crash at ${at}`).toEqual(undisturbed.end);
    }
  });

  test(`a campaign that ${scenario.name} ends the same when every other start of it crashes, ever later`, async () => {
    const undisturbed = await run(scenario, () => false);
    for (const every of [2, 3, 5, 7]) {
      // A start that does not get further than the one before would never end.
      let next = every;
      const { end, crashes } = await run(scenario, (point) => {
        if (point < next) return false;
        next = point + every + Math.floor(point / 8);
        return true;
      });
      expect(crashes).toBeGreaterThan(1);
      expect(end, `crash every ${every}`).toEqual(undisturbed.end);
    }
  });
}
