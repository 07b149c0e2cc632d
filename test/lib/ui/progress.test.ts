import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { progressText, startProgress } from '../../../src/lib/ui/progress.js';

const MIB = 1024 * 1024;

/** A stand-in for stderr that remembers what was written. */
function recordingStream(isTTY: boolean) {
  const written: string[] = [];
  const write = (text: string) => {
    written.push(text);
    return true;
  };
  const nothing = () => stream;
  const stream = {
    isTTY,
    columns: 80,
    rows: 24,
    write,
    cursorTo: nothing,
    clearLine: nothing,
    moveCursor: nothing,
    clearScreenDown: nothing,
    getWindowSize: () => [80, 24],
    getColorDepth: () => 1,
    on: nothing,
    once: nothing,
    off: nothing,
    removeListener: nothing,
  };
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => written.join('') };
}

describe('progressText tells what is known:', () => {
  test.each([
    ['nothing yet', { done: 0 }, 1000, 'X …'],
    ['bytes of a total', { done: 3 * MIB, totalBytes: 12 * MIB }, 2000, 'X: 25% of 12 MiB, 1.5 MiB/s, 6 s left'],
    ['steps of a total', { done: 3, total: 12 }, 3000, 'X: 25% of 12, 1/s, 9 s left'],
    ['no total', { done: 3 }, 3000, 'X: 3, 1/s'],
    ['minutes', { done: 60, total: 185 }, 60_000, 'X: 32% of 185, 1/s, 2 min 5 s left'],
    ['hours', { done: 60, total: 7320 + 60 }, 60_000, 'X: 0% of 7380, 1/s, 2 h 2 min left'],
    ['all done', { done: 5, total: 5 }, 1000, 'X: 100% of 5, 5/s'],
  ])('%s', (_, job, elapsedMs, text) => {
    expect(progressText({ label: 'X', ...job }, elapsedMs)).toBe(text);
  });
});

describe('startProgress', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => vi.useRealTimers());

  test('in a log writes a plain line every five seconds, then the last word', () => {
    const { stream, text } = recordingStream(false);
    const progress = startProgress('Packing\u001b[2J', { totalBytes: 10 * MIB }, { mode: 'plain', stream });
    vi.advanceTimersByTime(4999);
    expect(text()).toBe('');
    progress.update(5 * MIB);
    vi.advanceTimersByTime(1);
    expect(text()).toBe('Packing\\u{1b}[2J: 50% of 10 MiB, 1 MiB/s, 5 s left\n');
    progress.done('Packed app.ota');
    vi.advanceTimersByTime(60_000);
    expect(text()).toMatch(/left\nPacked app\.ota\n$/);
  });

  test('follows a job whose size is only guessed at first', () => {
    const { stream, text } = recordingStream(false);
    const progress = startProgress('Simulating', { total: 1000 }, { mode: 'plain', stream });
    progress.update(500, 2000);
    vi.advanceTimersByTime(5000);
    expect(text()).toBe('Simulating: 25% of 2000, 100/s, 15 s left\n');
    progress.done();
  });

  test('silent writes nothing at all', () => {
    const { stream, text } = recordingStream(true);
    const progress = startProgress('Packing', { totalBytes: 10 }, { mode: 'silent', stream });
    progress.update(5);
    vi.advanceTimersByTime(60_000);
    progress.done('Packed');
    expect(text()).toBe('');
  });

  test.each([{ totalBytes: 10 * MIB }, {}])('on a terminal a short job shows its last word only (%j)', (options) => {
    const { stream, text } = recordingStream(true);
    const progress = startProgress('Packing', options, { mode: 'terminal', stream });
    vi.advanceTimersByTime(299);
    progress.done('Packed');
    vi.advanceTimersByTime(60_000);
    expect(text()).toBe('Packed\n');
  });

  test('on a terminal a long job shows a bar with rate and time left, and fail takes it away', async () => {
    const { stream, text } = recordingStream(true);
    const progress = startProgress('Packing', { totalBytes: 10 * MIB }, { mode: 'terminal', stream });
    await import('cli-progress');
    await vi.advanceTimersByTimeAsync(1000);
    progress.update(5 * MIB);
    await vi.advanceTimersByTimeAsync(1000);
    expect(text()).toMatch(/█{12}░{12} Packing: 50% of 10 MiB, [\d.]+ MiB\/s, \d s left/);
    progress.fail();
    const ended = text();
    await vi.advanceTimersByTimeAsync(5000);
    expect(text()).toBe(ended);
  });
});
