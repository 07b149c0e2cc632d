import { expect, test } from 'vitest';
import { campaignFailure, isOver, isResting } from '../../../src/cli/rollout/campaign-outcome.js';
import { CAMPAIGN_PHASES } from '../../../src/lib/rollout/campaign-state.js';
import { viewOfCampaign } from '../../support/memory-campaigns.js';

const STATUS = {
  running: undefined,
  aborting: undefined,
  'rolling-back': undefined,
  paused: 10,
  finished: 0,
  aborted: 11,
  'rolled-back': 12,
  'rollback-failed': 13,
} as const;

test.each(CAMPAIGN_PHASES)('of a campaign that is %s', (phase) => {
  const view = viewOfCampaign({ phase, reason: '7 of 20 failed' });
  expect(isResting(view)).toBe(STATUS[phase] !== undefined);
  expect(isOver(view)).toBe(STATUS[phase] !== undefined && phase !== 'paused');
  const failure = campaignFailure(view);
  expect(failure?.exitCode ?? 0).toBe(STATUS[phase] ?? 0);
  if (failure === undefined) return;
  expect(failure.message).toContain('meter-2.1.0');
  expect(failure.message).toContain('7 of 20 failed');
  expect(failure.suggestions.join()).toContain('ota rollout ');
});
