import { expect, test } from 'vitest';
import { applyEvent } from '../../../src/lib/rollout/apply-event.js';
import type { CampaignEvent } from '../../../src/lib/rollout/campaign-event.js';
import type { CampaignState } from '../../../src/lib/rollout/campaign-state.js';
import { campaignView } from '../../../src/lib/rollout/campaign-view.js';
import { viewOf } from '../../../src/lib/rollout/campaign-view-of.js';
import { campaignPlan, PLANNED_AT } from '../../support/campaign-plan.js';

const startAt = new Date(PLANNED_AT + 3_600_000).toISOString();
const plan = campaignPlan({
  sizes: [2, 4],
  stages: [{ gates: [{ type: 'soak', seconds: 600 }] }, { startAt }],
});
const figures = {
  total: 2,
  waiting: 0,
  running: 1,
  stuck: 0,
  installed: 1,
  failed: 0,
  canceled: 0,
  already: 0,
  gone: 0,
};
const verdict = { decision: 'hold' as const, reason: 'soaks', gates: [] };
const portion = 'spring.s1.0';
const events: CampaignEvent[] = [
  { type: 'opened', by: 'ada', name: 'spring', planDigest: 'c'.repeat(64), planned: plan.createdAt },
  { type: 'preparing', portion, stage: 0, software: null, range: [0, 2], devices: null },
  { type: 'prepared', portion, ref: '1' },
  { type: 'starting', portion },
  { type: 'started', portion },
  { type: 'judged', stage: 0, figures, verdict, goodSince: PLANNED_AT },
];

function play(...more: CampaignEvent[]): CampaignState {
  let state: CampaignState | undefined;
  for (const event of [...events, ...more]) state = applyEvent(state, { time: PLANNED_AT, event }, plan);
  return state!;
}

const options = { now: PLANNED_AT + 60_000, isDriven: true, head: { seq: 6, hash: 'd'.repeat(64) } };

test('what was written down is told, with what is left of soak times and until later stages begin', () => {
  const view = viewOf(plan, play(), options);
  expect(campaignView.parse(view)).toEqual(view);
  expect(view).toMatchObject({ phase: 'running', stage: 0, reason: null, openedBy: 'ada', returning: null });
  expect(view.stages[0]).toMatchObject({ status: 'running', devices: 2, figures, verdict, waitsSeconds: 540 });
  expect(view.stages[1]).toMatchObject({ status: 'waiting', devices: 4, figures: null, waitsSeconds: 3_540 });
});

test('figures of now go before those that were written down, in the stage that is under way only', () => {
  const now = { ...figures, running: 0, installed: 2 };
  const view = viewOf(plan, play(), { ...options, figures: now, verdict: { ...verdict, decision: 'advance' } });
  expect(view.stages[0]).toMatchObject({ figures: now, verdict: { decision: 'advance' } });
  expect(view.stages[1]!.figures).toBeNull();
});

test('why it stands, is given up and ends is told, and how it goes back', () => {
  const paused: CampaignEvent = { type: 'paused', by: 'gates', cause: 'gate', reason: 'too many failed' };
  expect(viewOf(plan, play(paused), options).reason).toBe('too many failed');
  const aborting: CampaignEvent = {
    type: 'aborting',
    by: 'ada',
    cause: 'operator',
    reason: 'smoke',
    thenRollBack: true,
  };
  expect(viewOf(plan, play(paused, aborting), options)).toMatchObject({ phase: 'aborting', reason: 'smoke' });
  const goingBack: CampaignEvent[] = [
    aborting,
    { type: 'stopping', portion },
    { type: 'stopped', portion },
    { type: 'rolling-back', by: 'ada', batches: [], cannot: [{ reason: 'no way', devices: ['s1-0000', 's1-0001'] }] },
  ];
  const returning = { ...figures, total: 0, running: 0, installed: 0 };
  expect(viewOf(plan, play(...goingBack), { ...options, figures: returning })).toMatchObject({
    phase: 'rolling-back',
    returning: { figures: returning, cannot: 2 },
    stages: [{ figures }, {}],
  });
  const ended: CampaignEvent = { type: 'ended', phase: 'rollback-failed', reason: '2 could not be asked to' };
  expect(viewOf(plan, play(...goingBack, ended), options)).toMatchObject({
    reason: '2 could not be asked to',
    endedAt: new Date(PLANNED_AT).toISOString(),
  });
});
