import { describe, expect, test } from 'vitest';
import { type FollowOptions, followCampaign } from '../../../src/cli/rollout/follow-campaign.js';
import type { CampaignUpdate } from '../../../src/lib/campaign/host.js';
import { MemoryCampaigns, viewOfCampaign } from '../../support/memory-campaigns.js';

const begun = viewOfCampaign();
const finished = viewOfCampaign({ phase: 'finished', endedAt: '2026-01-05T07:00:00.000Z' });

function options(given: Partial<FollowOptions> = {}): FollowOptions & { seen: CampaignUpdate[] } {
  const seen: CampaignUpdate[] = [];
  const onUpdate = async (update: CampaignUpdate) => void seen.push(update);
  const rest = { drives: true, waitMs: Number.POSITIVE_INFINITY, signal: new AbortController().signal, onUpdate };
  return { ...rest, seen, ...given };
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

describe('a campaign is followed', () => {
  test('until it rests, with all that happens', async () => {
    const host = new MemoryCampaigns([begun]).next({ view: begun }).next({ view: finished });
    const given = options();
    expect(await followCampaign(host, begun, given)).toEqual({ view: finished, reason: 'rests' });
    expect(given.seen.map(({ view }) => view.phase)).toEqual(['running', 'finished']);
    expect(host.followed).toEqual(['drive']);
  });

  test('not at all where it rests already', async () => {
    const host = new MemoryCampaigns([finished]);
    expect(await followCampaign(host, finished, options())).toEqual({ view: finished, reason: 'rests' });
    expect(host.followed).toEqual([]);
  });

  test('by watching, where another process drives it', async () => {
    const host = new MemoryCampaigns([begun]).next({ view: finished });
    host.isTaken = true;
    let told = 0;
    const onForeign = () => {
      told += 1;
    };
    expect(await followCampaign(host, begun, options({ onForeign }))).toMatchObject({ reason: 'rests' });
    expect(host.followed).toEqual(['drive', 'watch']);
    expect(told).toBe(1);
  });

  test('for as long as it is waited', async () => {
    const host = new MemoryCampaigns([begun]).next({ view: begun }).next(aborted);
    expect(await followCampaign(host, begun, options({ waitMs: 1 }))).toEqual({ view: begun, reason: 'time' });
  });

  test('for days that no timer can count', async () => {
    const host = new MemoryCampaigns([begun]).next({ view: finished });
    expect(await followCampaign(host, begun, options({ waitMs: 2 ** 40 }))).toMatchObject({ reason: 'rests' });
  });

  test('until Ctrl-C', async () => {
    const ending = new AbortController();
    const host = new MemoryCampaigns([begun]).next({ view: begun }).next(() => ending.abort());
    const given = options({ signal: ending.signal, drives: false });
    expect(await followCampaign(host, begun, given)).toEqual({ view: begun, reason: 'signal' });
    expect(host.followed).toEqual(['watch']);
  });

  test('until enough has happened', async () => {
    const started = viewOfCampaign({ stage: 1 });
    const host = new MemoryCampaigns([begun]).next({ view: begun }).next({ view: started }).next({ view: finished });
    const given = options({ isEnough: ({ stage }) => stage === 1 });
    expect(await followCampaign(host, begun, given)).toEqual({ view: started, reason: 'enough' });
  });
});
