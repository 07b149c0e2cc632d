import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CAMPAIGN_PHASES } from '../../../src/lib/rollout/campaign-state.js';
import type { CampaignView } from '../../../src/lib/rollout/campaign-view.js';
import { DECISIONS } from '../../../src/lib/rollout/observation.js';
import { barOf } from '../../../src/lib/ui/rollout-bar.js';
import { type LiveState, liveLines } from '../../../src/lib/ui/rollout-live.js';
import { RolloutPace } from '../../../src/lib/ui/rollout-pace.js';
import { figures, stageOf, verdict, viewOfCampaign } from '../../support/memory-campaigns.js';

const HOSTILE = '\u001b[2J\u202eevil';
const plain = (_: string, text: string) => text;
const hint = 'Ctrl-C stops watching.';
const state = (view: CampaignView, given: Partial<LiveState> = {}): LiveState => ({
  ...{ view, ageMs: 0, tookMs: 61_000, perMinute: undefined, hint },
  ...given,
});
const shown = (view: CampaignView, size = { columns: 100, rows: 30 }, given: Partial<LiveState> = {}) =>
  liveLines(state(view, given), size, plain);

const counts = fc.record({
  waiting: fc.nat(1e6),
  running: fc.nat(1000),
  stuck: fc.nat(10),
  installed: fc.nat(1e6),
  failed: fc.nat(1000),
  canceled: fc.nat(10),
  already: fc.nat(10),
  gone: fc.nat(10),
});
const anyFigures = counts.map((given) => figures(given));
const words = fc.oneof(fc.constant(HOSTILE), fc.string({ maxLength: 80 }));
const anyStage = fc
  .record({
    name: words,
    devices: fc.nat(1e6),
    status: fc.constantFrom('waiting', 'running', 'passed', 'stopped'),
    figures: fc.option(anyFigures),
    decision: fc.option(fc.constantFrom(...DECISIONS)),
    reason: words,
    waitsSeconds: fc.option(fc.nat(1e6)),
  })
  .map(({ name, devices, decision, reason, ...rest }) =>
    stageOf(name, devices, { ...rest, verdict: decision && verdict(decision, reason) }),
  );
const anyView = fc
  .record({
    phase: fc.constantFrom(...CAMPAIGN_PHASES),
    stage: fc.nat(100),
    stages: fc.array(anyStage, { minLength: 1, maxLength: 60 }),
    product: words,
    version: words,
    returning: fc.option(fc.record({ figures: fc.option(anyFigures), cannot: fc.nat(100) })),
  })
  .map(({ stage, ...rest }) => viewOfCampaign({ ...rest, stage: stage % rest.stages.length }));

describe('the live view', () => {
  test('is never wider or higher than the terminal, and obeys nothing that comes from outside', () => {
    fc.assert(
      fc.property(
        anyView,
        fc.integer({ min: 20, max: 200 }),
        fc.integer({ min: 4, max: 60 }),
        (view, columns, rows) => {
          const lines = shown(view, { columns, rows });
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const line of lines) {
            expect(line.length).toBeLessThanOrEqual(columns);
            expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
          }
        },
      ),
    );
  });

  test('always shows the stage that is under way', () => {
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 40 }), fc.integer({ min: 1, max: 100 }), fc.nat(99), (rows, many, at) => {
        const stage = at % many;
        const stages = Array.from({ length: many }, (_, index) =>
          stageOf(`number-${index}`, 10, {
            status: index < stage ? 'passed' : index === stage ? 'running' : 'waiting',
          }),
        );
        const lines = shown(viewOfCampaign({ stage, stages }), { columns: 80, rows });
        expect(lines.filter((line) => line.includes(`● number-${stage} `))).toHaveLength(1);
      }),
    );
  });

  test('tells of each stage, what the gates of the present one say, and what Ctrl-C does', () => {
    const early = stageOf('early', 90, {
      ...{ status: 'running', waitsSeconds: 3600, verdict: verdict('hold', '24 of 90 have ended, 81 are needed') },
      figures: figures({ total: 90, installed: 20, failed: 4, running: 6 }),
    });
    const pilot = stageOf('pilot', 10, { status: 'passed', figures: figures({ total: 10, installed: 10 }) });
    const view = viewOfCampaign({ stage: 1, stages: [pilot, early, stageOf('rest', 900)] });
    expect(shown(view, { columns: 120, rows: 20 }, { perMinute: 12, ageMs: 60_000 })).toEqual([
      'meter-2.1.0: meter 2.1.0, stage 2 of 3, 1 min 1 s, 12 devices/min, stage done in 5 min 30 s',
      ' ✔ pilot      ██████████████████████████████ 10 of 10 installed',
      ' ● early      ███████x▒▒░░░░░░░░░░░░░░░░░░░░ 20 of 90 installed, 4 failed, 6 on their way, 60 waiting; 59 min to wait',
      '     success hold    24 of 90 have ended, 81 are needed',
      ' ○ rest       ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 900 devices',
      '  Ctrl-C stops watching.',
    ]);
  });

  test('breaks what a gate says where there is room, and cuts it where there is none', () => {
    const reason = Array.from({ length: 20 }, (_, at) => `word${at}`).join(' ');
    const stages = [stageOf('pilot', 10, { status: 'running', verdict: verdict('hold', reason) })];
    const wide = shown(viewOfCampaign({ stages }), { columns: 60, rows: 20 }).join(' ');
    expect(wide).toContain('word19');
    const low = shown(viewOfCampaign({ stages }), { columns: 60, rows: 4 });
    expect(low.find((line) => line.includes('word0'))).toMatch(/…$/);
  });

  test('says what to type where it waits for a person', () => {
    const approval = { ...verdict('hold', 'nobody has approved it'), gates: [{ gate: 0, type: 'approval' }] };
    const gates = [{ gate: 0, type: 'approval', decision: 'hold' as const, reason: 'nobody has approved it' }];
    const stages = [stageOf('pilot', 10, { status: 'running', verdict: { ...approval, gates } })];
    expect(shown(viewOfCampaign({ stages })).join('\n')).toContain('ota rollout approve meter-2.1.0');
  });

  test('tells how devices go back', () => {
    const returning = { figures: figures({ total: 12, installed: 5, running: 7 }), cannot: 3 };
    const lines = shown(viewOfCampaign({ phase: 'rolling-back', returning }));
    expect(lines[0]).toContain('rolling-back');
    expect(lines.find((line) => line.includes('going back'))).toContain(
      '5 of 12 back, 7 on their way; 3 devices cannot',
    );
  });
});

describe('a bar', () => {
  test('is as long as it should be, and shows every outcome there is', () => {
    fc.assert(
      fc.property(anyFigures, fc.constantFrom(50, 80, 120), (given, columns) => {
        const text = barOf(given, { columns })
          .map(([part]) => part)
          .join('');
        expect(text.trimEnd().length).toBe(columns === 50 ? 10 : columns === 80 ? 20 : 30);
        if (given.total === 0) return;
        expect(text.includes('x')).toBe(given.failed > 0);
        expect(text.includes('!')).toBe(given.stuck > 0);
        expect(text.includes('▒')).toBe(given.running > 0);
      }),
    );
  });
});

describe('the pace', () => {
  const at = (installed: number, stage = 0) =>
    viewOfCampaign({
      stage,
      stages: [0, 1].map((n) => stageOf(`${n}`, 100, { figures: figures({ total: 100, installed }) })),
    });

  test('is known after a while, and forgotten with the next stage', () => {
    const pace = new RolloutPace();
    pace.saw(at(0), 0);
    pace.saw(at(3), 4_999);
    expect(pace.perMinute()).toBeUndefined();
    pace.saw(at(10), 30_000);
    expect(pace.perMinute()).toBe(20);
    pace.saw(at(0, 1), 60_000);
    expect(pace.perMinute()).toBeUndefined();
  });

  test('is that of the last five minutes', () => {
    const pace = new RolloutPace();
    for (let minute = 0; minute <= 60; minute++) pace.saw(at(minute < 50 ? minute : 50), minute * 60_000);
    expect(pace.perMinute()).toBe(0);
  });
});
