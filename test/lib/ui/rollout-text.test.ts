import { describe, expect, test } from 'vitest';
import type { CampaignEvent, JournalEntry } from '../../../src/lib/rollout/campaign-event.js';
import { entryText } from '../../../src/lib/ui/rollout-entry-text.js';
import { campaignsText, campaignText, driftText } from '../../../src/lib/ui/rollout-text.js';
import { figures, stageOf, verdict, viewOfCampaign } from '../../support/memory-campaigns.js';

const HOSTILE = '\u001b[2J\u202eevil\n';
const STAGES = [{ name: 'pilot', devices: 10 }];
const line = (event: CampaignEvent) =>
  entryText({ seq: 1, time: 0, event, previousHash: '', hash: '' } satisfies JournalEntry, STAGES);

describe('an entry of the journal', () => {
  const by = 'ann';
  const done = figures({ total: 10, installed: 8, failed: 2 });
  const software = { id: '1', name: 'meter', version: '2.0.0', digest: null };
  test.each<[CampaignEvent, string | undefined]>([
    [{ type: 'opened', by, name: 'm', planDigest: '', planned: '' }, 'm: begun by ann'],
    [
      { type: 'preparing', portion: 'm.s0.0', stage: 0, software: null, range: [0, 10], devices: null },
      'pilot: 10 devices get the update',
    ],
    [
      { type: 'preparing', portion: 'm.back0', stage: null, software, range: null, devices: ['a'] },
      'going back: 1 device get 2.0.0',
    ],
    [{ type: 'started', portion: 'm.s0.0' }, undefined],
    [{ type: 'judged', stage: 0, figures: done, verdict: verdict('hold', '…'), goodSince: null }, undefined],
    [
      { type: 'judged', stage: 0, figures: done, verdict: verdict('pause', '2 of 10 failed'), goodSince: null },
      undefined, // followed by what it makes of the campaign
    ],
    [{ type: 'passed', stage: 0, figures: done }, 'pilot: passed, 8 of 10 installed, 2 failed'],
    [{ type: 'approved', stage: 0, by, remark: 'seen' }, 'pilot: approved by ann: seen'],
    [{ type: 'paused', by: 'x', cause: 'gate', reason: 'too many' }, 'paused by a gate: too many'],
    [{ type: 'paused', by, cause: 'operator', reason: 'ann asked for it' }, 'paused by a person: ann asked for it'],
    [{ type: 'resumed', by }, 'resumed by ann'],
    [{ type: 'aborting', by, cause: 'operator', reason: 'bad', thenRollBack: true }, 'aborted by a person: bad'],
    [
      {
        ...{ type: 'rolling-back', by, batches: [{ software, devices: ['a', 'b'] }] },
        cannot: [{ reason: 'nothing is known of it', devices: ['c'] }],
      },
      '2 devices asked to go back by ann; 1 device cannot: nothing is known of it',
    ],
    [
      { type: 'failures', stage: 0, devices: [{ device: 'a', outcome: 'failed', message: 'no space' }], more: 4 },
      'pilot: a failed (no space) and 4 more',
    ],
    [{ type: 'failures', stage: 0, devices: [], more: 0 }, undefined],
    [{ type: 'lost', portion: 'm.s0.0', reason: 'the server has forgotten it' }, 'm.s0.0: the server has forgotten it'],
    [{ type: 'noted', text: 'the server was away' }, 'the server was away'],
    [{ type: 'ended', phase: 'finished', reason: 'all stages passed' }, 'finished: all stages passed'],
  ])('%j', (event, text) => {
    expect(line(event)).toBe(text && `00:00:00 ${text}`);
  });

  test('stays on its line whatever devices say', () => {
    const text = line({ type: 'noted', text: HOSTILE });
    expect(text).toBe('00:00:00 \\u{1b}[2J\\u{202e}evil\\u{a}');
  });
});

describe('where a campaign stands', () => {
  const stages = [
    stageOf('pilot', 10, { status: 'passed', figures: figures({ total: 10, installed: 10 }) }),
    stageOf('early', 90, {
      ...{ status: 'running', verdict: verdict('pause', '6 of 90 failed') },
      figures: figures({ total: 90, installed: 60, failed: 6, gone: 1 }),
    }),
  ];
  const view = viewOfCampaign({ stage: 1, stages, phase: 'paused', reason: '6 of 90 failed' });

  test('is told with its stages and gates', async () => {
    const text = await campaignText(view, true);
    expect(text).toMatch(/phase +paused\nreason +6 of 90 failed\nstage +early \(2 of 2\)\n/);
    expect(text).toMatch(/STAGE +STATUS +DEVICES +INSTALLED +FAILED +STUCK +ON THEIR WAY +WAITING +GONE\n/);
    expect(text).toMatch(/early +running +90 +60 +6 +0 +0 +23 +1\n/);
    expect(text).toMatch(/success +pause +6 of 90 failed/);
  });

  test('says that nobody drives it, where that is so', async () => {
    const running = viewOfCampaign({ isDriven: false });
    expect(await campaignText(running, false)).toContain('nobody: type `ota rollout resume meter-2.1.0`');
    expect(await campaignText(running, true)).toMatch(/driven by +the server/);
  });

  test('is told of many in a line each', async () => {
    const ended = viewOfCampaign({ phase: 'finished', endedAt: '2026-01-06T06:00:00.000Z' });
    const lines = (await campaignsText([view, ended])).split('\n');
    expect(lines[1]).toMatch(/^meter-2.1.0 +meter 2.1.0 +paused +early \(2 of 2\) +70 +100 +2026-01-05T06:00:00.000Z$/);
    expect(lines[2]).toMatch(/finished/);
    expect(await campaignText(ended, true)).toContain('after 24 h');
  });

  test('drift names what has changed', () => {
    const drift = { appeared: ['a', 'b'], gone: [], updated: ['c'], changed: [], planned: 40, allowedPercent: 5 };
    expect(driftText({ ...drift, percent: 7.5, isWithinAllowed: false })).toBe(
      '3 devices are not as planned, 7.5 % of 40: 2 new, 1 updated already',
    );
  });
});
