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

test('who was given something else since the update is not asked to go back before both', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4] }));
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  campaign.driver.giveElsewhere('s1-0001', '3');
  await campaign.runner.request({ verb: 'rollback' }, 'ada', NEVER);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.runner.state.phase).toBe('rolled-back');
  expect(campaign.driver.softwareOf('s1-0001')).toBe('3');
  expect(campaign.events('rolling-back')[0]!.batches).toMatchObject([{ devices: ['s1-0000', 's1-0002', 's1-0003'] }]);
  expect(campaign.events('noted').map(({ text }) => text)).toEqual([
    'left alone, as they were given something else since they had the update: s1-0001',
  ]);
});

test('devices of a portion that the server has lost go back, where it says that they have the update', async () => {
  const campaign = await drivenCampaign(campaignPlan({ sizes: [4] }));
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  campaign.driver.forgetPortion('spring.s1.0');
  await campaign.runner.request({ verb: 'rollback' }, 'ada', NEVER);
  expect(await campaign.drive()).toEqual({ kind: 'over' });
  expect(campaign.events('lost').length).toBe(1);
  expect(campaign.runner.state.phase).toBe('rolled-back');
  for (const [device] of campaign.plan.stages[0]!.devices) expect(campaign.driver.softwareOf(device)).toBe('1');
});
