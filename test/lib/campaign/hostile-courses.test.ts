import { expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { campaignPlan } from '../../support/campaign-plan.js';
import { drivenCampaign, NEVER } from '../../support/driven-campaign.js';

test('a server that knows nothing of a portion for a moment loses no stage, whatever it was asked for', async () => {
  for (const call of ['progress', 'start', 'stop', 'outcomes']) {
    let wrong = 2;
    const campaign = await drivenCampaign(campaignPlan({ sizes: [4, 10], onAbort: 'rollback' }), {
      fate: (device) => ({ outcome: device.startsWith('s2') ? 'failed' : 'installed', afterMs: 1_000 }),
      around: (when, asked) => {
        if (when === 'before' && asked === call && wrong-- > 0) throw new OtaError('NOT_FOUND', 'no such address');
      },
    });
    expect(await campaign.drive(), call).toEqual({ kind: 'rest' });
    expect(campaign.runner.state.pause, call).toMatchObject({ cause: 'gate' });
    await campaign.runner.request({ verb: 'rollback' }, 'ada', NEVER);
    expect(await campaign.drive(), call).toEqual({ kind: 'over' });
    expect(campaign.events('lost'), call).toEqual([]);
    expect(campaign.runner.state.phase, call).toBe('rolled-back');
    expect(wrong).toBeLessThan(0);
  }
});
