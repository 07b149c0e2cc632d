import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Linger } from '../../../src/lib/telemetry/linger.js';

let due: number[];
let linger: Linger;

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  due = [];
  linger = new Linger({ longestMs: 100, pauseMs: 3 }, { monotonicMs: () => Date.now() }, () => due.push(Date.now()));
});
afterEach(() => {
  vi.useRealTimers();
});

/** A message every `everyMs` until `untilMs`. */
function messages(everyMs: number, untilMs: number): void {
  for (; Date.now() < untilMs && due.length === 0; vi.advanceTimersByTime(everyMs)) linger.touch();
}

test('a batch is due when messages pause', () => {
  messages(2, 20);
  vi.advanceTimersByTime(1_000);
  expect(due).toEqual([21]); // the last one came at 18
});

test('a batch is due after the longest wait, also while messages go on and on', () => {
  messages(2, 1_000);
  expect(due[0]).toBe(100);
});

test('nothing is due before a first message, or once a batch was taken', () => {
  vi.advanceTimersByTime(1_000);
  linger.touch();
  linger.restart();
  vi.advanceTimersByTime(1_000);
  expect(due).toEqual([]);
});

test('the next batch waits for its own first message', () => {
  linger.touch();
  vi.advanceTimersByTime(99);
  linger.restart();
  due = [];
  messages(2, 150);
  vi.advanceTimersByTime(1_000);
  expect(due).toEqual([152]);
});
