import { describe, expect, test } from 'vitest';
import { CampaignWatch, type WatchOutput } from '../../../src/cli/rollout/campaign-watch.js';
import { type CampaignEvent, JOURNAL_GENESIS, type JournalEntry } from '../../../src/lib/rollout/campaign-event.js';
import type { CampaignView } from '../../../src/lib/rollout/campaign-view.js';
import type { BlockSize } from '../../../src/lib/ui/status-block.js';
import { figures, stageOf, viewOfCampaign } from '../../support/memory-campaigns.js';

const installed = (count: number): CampaignView =>
  viewOfCampaign({
    stages: [stageOf('pilot', 1000, { status: 'running', figures: figures({ total: 1000, installed: count }) })],
  });
const entry = (event: CampaignEvent, seq = 2): JournalEntry => ({
  ...{ seq, time: Date.parse('2026-01-05T06:00:01Z'), event },
  ...{ previousHash: JOURNAL_GENESIS, hash: 'b'.repeat(64) },
});

interface Watched {
  readonly watch: CampaignWatch;
  readonly notes: string[];
  readonly events: { type: string; fields: object }[];
  readonly drawn: () => readonly string[];
  advance(ms: number): void;
}

function watching(view: CampaignView, isTerminal: boolean): Watched {
  const [notes, events]: [string[], Watched['events']] = [[], []];
  let [nowMs, isDone]: [number, boolean] = [0, false];
  let draw: (size: BlockSize) => readonly string[] = () => [];
  const block = { redraw: () => {}, clear: () => {}, fail: () => {}, done: () => (isDone = true) };
  const output: WatchOutput = {
    note: (text) => void notes.push(text),
    event: async (type, fields) => void events.push({ type, fields }),
    block: (given) => {
      draw = given;
      return isTerminal ? block : undefined;
    },
    paint: (_, text) => text,
    monotonicMs: () => nowMs,
    nowMs: () => Date.parse(view.openedAt) + nowMs,
  };
  const watch = new CampaignWatch(view, 'Ctrl-C stops watching.', output);
  const drawn = () => (isDone ? [] : draw({ columns: 100, rows: 20 }));
  const advance = (ms: number) => {
    nowMs += ms;
  };
  return { watch, notes, events, drawn, advance };
}

describe('a campaign that is watched', () => {
  test('tells each entry of its journal once, as an event and as a line', async () => {
    const { watch, notes, events } = watching(installed(0), false);
    const view = installed(0);
    await watch.update({ view, entries: [entry({ type: 'approved', stage: 0, by: 'ann', remark: '' })] });
    await watch.update({ view, entries: [] });
    expect(notes).toEqual(['06:00:01 pilot: approved by ann']);
    expect(events).toEqual([
      {
        type: 'approved',
        fields: { time: '2026-01-05T06:00:01.000Z', campaign: 'meter-2.1.0', seq: 2, stage: 0, by: 'ann', remark: '' },
      },
    ]);
  });

  test('tells figures in a log when they change, every few seconds at most, and the longer it takes the more seldom', async () => {
    const { watch, notes, events, advance } = watching(installed(0), false);
    const counts: number[] = [];
    for (let second = 1; second <= 3600; second++) {
      advance(1000);
      await watch.update({ view: installed(Math.floor(second / 4)), entries: [] });
      if (notes.length > counts.length) counts.push(second);
    }
    expect(notes[0]).toBe('running: stage pilot (1 of 1), 1 of 1,000 installed, 999 waiting');
    expect(events.filter(({ type }) => type === 'stage')).toHaveLength(notes.length);
    const gaps = counts.slice(1).map((second, at) => second - counts[at]!);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(40);
    expect(gaps.at(-1)).toBeGreaterThan(30);
    const before = notes.length;
    for (let minute = 0; minute < 60; minute++) {
      advance(60_000);
      await watch.update({ view: installed(900), entries: [] });
    }
    expect(notes.length).toBeLessThanOrEqual(before + 1);
  });

  test('shows on a terminal where it stands now, and counts on between two looks', async () => {
    const soaking = viewOfCampaign({
      stages: [
        stageOf('pilot', 10, { status: 'running', waitsSeconds: 60, figures: figures({ total: 10, installed: 10 }) }),
      ],
    });
    const { watch, notes, drawn, advance } = watching(installed(0), true);
    advance(10_000);
    await watch.update({ view: soaking, entries: [] });
    expect(drawn().join('\n')).toContain('10 of 10 installed; 1 min to wait');
    advance(15_000);
    expect(drawn().join('\n')).toContain('45 s to wait');
    expect(drawn()[0]).toContain('25 s');
    expect(notes).toEqual([]);
    watch.end();
    expect(drawn()).toEqual([]);
  });
});
