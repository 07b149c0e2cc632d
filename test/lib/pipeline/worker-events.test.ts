import { expect, test } from 'vitest';
import type { PipelineEvent } from '../../../src/lib/pipeline/events.js';
import { noCounts } from '../../../src/lib/pipeline/progress.js';
import { WorkerEvents } from '../../../src/lib/pipeline/worker-events.js';

function progress(lines: number, more: { lag?: number; spanMs?: number; isFull?: boolean } = {}): PipelineEvent {
  const { lag, spanMs, isFull = false } = more;
  return {
    type: 'progress',
    counts: { ...noCounts(), lines, written: lines - 1 },
    messagesPerSecond: 10,
    ...(lag !== undefined && { lag: { amount: lag, unit: 'messages' } }),
    window: { keys: lines, isFull, ...(spanMs !== undefined && { spanMs }) },
  };
}

function recorded(): { events: WorkerEvents; told: PipelineEvent[] } {
  const told: PipelineEvent[] = [];
  return { events: new WorkerEvents((event) => void told.push(event)), told };
}

test('the progress of several workers is that of all of them', async () => {
  const { events, told } = recorded();
  await events.take(0, progress(5, { lag: 7, spanMs: 300 }));
  await events.take(3, progress(10, { lag: 1, spanMs: 200, isFull: true }));
  await events.take(0, progress(6));
  expect(told.at(-1)).toEqual({
    type: 'progress',
    counts: { ...noCounts(), lines: 16, written: 14 },
    messagesPerSecond: 20,
    lag: { amount: 1, unit: 'messages' },
    window: { keys: 16, isFull: true, spanMs: 200 },
  });
});

test('what an ended worker did still counts, what it remembers is with its successor', async () => {
  const { events, told } = recorded();
  await events.take(0, progress(5));
  await events.take(1, progress(10));
  events.ended(0);
  await events.take(0, progress(2));
  expect(told.at(-1)).toMatchObject({ counts: { lines: 17 }, window: { keys: 12 } });
  await events.take(0, {
    ...(progress(3) as object),
    type: 'finished',
    seconds: 1,
    isInterrupted: true,
  } as PipelineEvent);
  events.ended(0);
  events.ended(1);
  events.ended(1);
  expect(events.summary()).toEqual({
    counts: { ...noCounts(), lines: 18, written: 15 },
    window: { keys: 13, isFull: false },
  });
});

test('what is remembered of a partition that was handed over is told by whoever has it now', async () => {
  const { events, told } = recorded();
  await events.take(0, progress(5));
  await events.take(1, progress(10));
  events.ended(0);
  events.handedOver(0);
  await events.take(1, progress(11));
  expect(told.at(-1)).toMatchObject({ counts: { lines: 16 }, window: { keys: 11 } });
  expect(events.summary()).toMatchObject({ counts: { lines: 16 }, window: { keys: 11 } });
});

test('the run starts once and never finishes by itself; everything else is passed on', async () => {
  const { events, told } = recorded();
  const started = {
    type: 'started',
    sources: [],
    sink: 's',
    guarantee: 'exactly-once',
    isContinued: false,
    isDamaged: false,
  } as const;
  const warning = { type: 'warning', code: 'LOCKED', message: 'm' } as const;
  await events.take(0, started);
  await events.take(1, started);
  await events.take(1, warning);
  await events.take(0, {
    ...(progress(1) as object),
    type: 'finished',
    seconds: 1,
    isInterrupted: true,
  } as PipelineEvent);
  expect(told).toEqual([started, warning]);
});
