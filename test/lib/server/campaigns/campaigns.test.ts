import { describe, expect, test } from 'vitest';
import { startCampaignFleet } from './campaign-fleet.js';

describe('a campaign in the server', () => {
  test('gives a good build to all devices, stage by stage, each once', async () => {
    const fleet = await startCampaignFleet();
    const plan = await fleet.plan();
    await fleet.begin(plan);
    const view = await fleet.until(plan.name, 'finished');
    expect(view.stages.map(({ status, figures }) => [status, figures?.installed])).toEqual([
      ['passed', 1],
      ['passed', 3],
    ]);
    expect(view).toMatchObject({ isDriven: false, endedAt: expect.any(String) });
    expect([...fleet.ended.values()].map((links) => links.length)).toEqual([1, 1, 1, 1]);
  });
});
