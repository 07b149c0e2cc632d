import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { expect, onTestFinished, test, vi } from 'vitest';
import { EventStream } from '../../../../src/lib/server/events/event-stream.js';
import { EVENT_HEARTBEAT_MS } from '../../../../src/lib/wire/events.js';

test('a stream tells that it is there while the log grows by what its client does not want', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  let [head, ring] = [7, () => {}];
  const log = {
    onAppended: (listener: () => void) => {
      ring = listener;
      return () => {};
    },
    read: async () => ({ events: [], position: head }),
  };
  const response = new PassThrough();
  let text = '';
  response.on('data', (chunk) => {
    text += chunk;
  });
  const gone = new AbortController();
  const stream = new EventStream(response as unknown as ServerResponse, {
    server: {
      events: log,
      telemetry: { log: { onAppended: () => () => {} } },
      clock: { now: () => new Date(0) },
      stopping: new AbortController().signal,
    } as never,
    tenant: { id: 1, name: 'DEFAULT' },
    types: ['alert'],
    hasTelemetry: false,
    device: undefined,
    match: undefined,
    start: { event: 7, telemetry: 3 },
    signal: gone.signal,
    authenticateAgain: async () => {},
  });
  const running = stream.run();
  for (let ms = 0; ms <= EVENT_HEARTBEAT_MS; ms += 1_000) {
    head++;
    ring();
    await vi.advanceTimersByTimeAsync(1_000);
  }
  gone.abort();
  await running;
  // With where it is now, so that a client that comes back does not have to be told all of that again.
  expect(text).toBe(`id: 7-3\n\n: still here\nid: ${7 + EVENT_HEARTBEAT_MS / 1_000}-3\n\n`);
});
