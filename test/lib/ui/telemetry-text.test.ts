import { describe, expect, test } from 'vitest';
import type { PipelineCounts } from '../../../src/lib/pipeline/events.js';
import {
  damageText,
  planText,
  type ReplayResult,
  replayProgressText,
  replayText,
  spanText,
  startedText,
} from '../../../src/lib/ui/telemetry-text.js';

const COUNTS: PipelineCounts = {
  lines: 1_234_567,
  written: 1_227_160,
  duplicates: 7407,
  conflicts: 0,
  rejects: 0,
  derivedIds: 0,
  inputBytes: 300 * 2 ** 20,
  outputBytes: 0,
};
const DAY_MS = 86_400_000;
const WINDOW = { keys: 1_227_160, isFull: false, spanMs: 28 * DAY_MS };
const RESULT: ReplayResult = {
  sources: ['in.ndjson'],
  sink: 'out.ndjson',
  guarantee: 'exactly-once',
  counts: COUNTS,
  seconds: 3,
  window: WINDOW,
  isInterrupted: false,
  isDamaged: false,
  deadLetters: 'seen/default/dead-letters.ndjson',
};

test.each([
  [42_000, '42 s'],
  [3_600_000 * 26, '26 h'],
  [DAY_MS * 2.25, '2.3 d'],
])('%s ms are %s', (spanMs, text) => {
  expect(spanText(spanMs)).toBe(text);
});

test('the line that changes tells rate, losses, what is left, and the window', () => {
  const event = { type: 'progress', counts: COUNTS, messagesPerSecond: 402_113.7, window: WINDOW } as const;
  expect(replayProgressText({ ...event, lag: { amount: 32_715_571, unit: 'bytes' } })).toBe(
    '1,234,567 lines, 402,114/s; 7,407 duplicates; 31.2 MiB left; window 1,227,160 ids over 28 d',
  );
  const others = { ...COUNTS, conflicts: 1, rejects: 2 };
  expect(replayProgressText({ ...event, counts: others })).toContain(
    '; 7,407 duplicates, 1 conflict, 2 refused; window',
  );
});

describe('the summary', () => {
  test('promises once only what is kept', () => {
    expect(replayText(RESULT)).toContain('out.ndjson: 1,227,160 messages came out, exactly once\n');
    expect(replayText({ ...RESULT, guarantee: 'at-least-once' })).toContain('came out, at least once\n');
    expect(replayText({ ...RESULT, isDamaged: true })).not.toContain('once\n');
  });

  test('says that nothing is new, and how an interrupted run goes on', () => {
    const counts = { ...COUNTS, written: 0, duplicates: COUNTS.lines };
    expect(replayText({ ...RESULT, counts })).toMatch(/^out\.ndjson: nothing came out that had not come out before\n/);
    expect(replayText({ ...RESULT, isInterrupted: true })).toMatch(/\nStopped at a batch boundary; .*$/);
  });

  test('shows no control character that a name brings', () => {
    const text = replayText({ ...RESULT, sources: ['in\u001b[2J'], sink: 'out\u202e', deadLetters: 'x\u0007' });
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

test('a plan tells where each source goes on', () => {
  const from = { bytes: 10, lines: 4, print: '00' };
  const text = planText({
    sink: 'file:/data/out.ndjson',
    guarantee: 'exactly-once',
    isFirst: false,
    sources: [
      { id: 'file:/data/a.ndjson', recovery: 'position', from },
      { id: 'stdin', recovery: 'none' },
    ],
    repair: { addedKeys: 1, removedKeys: 0, tailMessages: 3, foreignLines: 0, isTorn: false, isPartial: false },
    window: WINDOW,
    warnings: [],
  });
  expect(text).toContain('source  /data/a.ndjson, from line 5\nsource  stdin, from its start\n');
  expect(text).toContain('repair  3 messages of the output to read, 1 id to add, 0 ids to take back');
});

test('damage says where it is and what it costs', () => {
  const block = { file: '00000021.segment', offset: 1130, bytes: 16_384, keys: 1024, cause: 'the checksum is wrong' };
  expect(damageText(block)).toBe('00000021.segment, bytes 1130 to 17513: the checksum is wrong, 1,024 ids lost');
  const missing = { file: '00000003.segment', offset: 0, bytes: 0, cause: 'the generation is missing' };
  expect(damageText(missing)).toBe('00000003.segment: the generation is missing');
});

test('a run over a damaged store begins with what it cannot promise', () => {
  const event = { type: 'started', sources: ['stdin'], sink: 'stdout', guarantee: 'exactly-once' } as const;
  expect(startedText({ ...event, isContinued: true, isDamaged: true })).toBe(
    'stdin → stdout, going on where the last run stopped: once each, but for messages whose ids the damaged store has lost',
  );
});
