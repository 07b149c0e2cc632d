import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startStatusLine } from '../../../src/lib/ui/status-line.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => vi.useRealTimers());

function recordingStream() {
  const written: string[] = [];
  const stream = { write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WriteStream;
  return { stream, written };
}

test('in a log writes its newest text every few seconds, and nothing twice', () => {
  const { stream, written } = recordingStream();
  const status = startStatusLine({ mode: 'plain', stream });
  status.update('1 message');
  status.update('2 messages\u001b[2J');
  vi.advanceTimersByTime(4999);
  expect(written).toEqual([]);
  vi.advanceTimersByTime(1);
  vi.advanceTimersByTime(5000);
  expect(written).toEqual(['2 messages\\u{1b}[2J\n']);
  status.update('3 messages');
  status.done();
  vi.advanceTimersByTime(10_000);
  expect(written).toHaveLength(1);
});

test('is silent when it was told to', () => {
  const { stream, written } = recordingStream();
  startStatusLine({ mode: 'silent', stream }).update('1 message');
  vi.advanceTimersByTime(10_000);
  expect(written).toEqual([]);
});
