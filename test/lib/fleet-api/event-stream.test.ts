import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { followEvents } from '../../../src/lib/fleet-api/event-stream.js';
import { openFleetClient } from '../../../src/lib/fleet-api/fleet-client.js';
import type { Pacing } from '../../../src/lib/net/pacing.js';

const TIME = '2026-01-05T06:00:00.000Z';

/** A clock that goes on by what is waited for. */
function pacing(): Pacing {
  let ms = 0;
  return {
    monotonicMs: () => ms,
    now: () => new Date(ms),
    delay: async (durationMs) => {
      ms += Math.max(1, durationMs);
    },
    random: () => 0.5,
  };
}

function status(seq: number, fields: object = {}): string {
  const event = { type: 'status', time: TIME, device: `d${seq}`, body: { event: 'online' }, ...fields };
  return `id: ${seq}-0\nevent: status\ndata: ${JSON.stringify(event)}\n\n`;
}

type Answer = (response: ServerResponse, lastEventId: string | undefined) => void;

/** Answers the first request with the first answer, and so on; the last one again and again. */
async function stream(...answers: Answer[]): Promise<{ server: string; asked: (string | undefined)[] }> {
  const asked: (string | undefined)[] = [];
  const server = createServer(({ headers }, response) => {
    const lastEventId = headers['last-event-id'] as string | undefined;
    asked.push(lastEventId);
    answers[Math.min(asked.length, answers.length) - 1]!(response, lastEventId);
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  onTestFinished(() => void server.close().closeAllConnections());
  return { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

function sends(text: string): Answer {
  return (response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(text);
}

const unavailable: Answer = (response) => response.writeHead(503).end();

async function follow(server: string, { count = 1, lostAfterMs = 60_000 } = {}): Promise<string[]> {
  await using client = await openFleetClient({ server });
  const seen: string[] = [];
  for await (const events of followEvents(client, { query: {}, lostAfterMs, pacing: pacing() })) {
    for (const { event, position } of events) {
      seen.push(`${event.type} ${'device' in event ? event.device : ''} ${position.event}`.replace(/ +/g, ' '));
    }
    if (seen.length >= count) break;
  }
  return seen;
}

describe('the events of a fleet', () => {
  test('go on behind the last one when the connection was lost, without one twice', async () => {
    const { server, asked } = await stream(
      sends(status(1) + status(2) + status(3).slice(0, 30)),
      unavailable,
      sends(status(3)),
    );
    expect(await follow(server, { count: 3 })).toEqual(['status d1 1', 'status d2 2', 'status d3 3']);
    expect(asked).toEqual([undefined, '2-0', '2-0']);
  });

  test('say where some are missing', async () => {
    const gap = { type: 'gap', time: TIME, log: 'events', from: 3, to: 9, atMost: 7, cause: 'aged' };
    const { server } = await stream(sends(`id: 9-0\nevent: gap\ndata: ${JSON.stringify(gap)}\n\n`));
    expect(await follow(server)).toEqual(['gap 9']);
  });

  test('of types that are not known yet are skipped', async () => {
    const { server } = await stream(sends(`id: 1-0\nevent: weather\ndata: {"type":"weather"}\n\n${status(2)}`));
    expect(await follow(server)).toEqual(['status d2 2']);
  });

  test('end with status 7 when there is no server at first, and when there is none any more', async () => {
    const { server: never } = await stream(unavailable);
    await expect(follow(never)).rejects.toMatchObject({ code: 'HTTP_STATUS', exitCode: 7 });
    const { server, asked } = await stream(sends(status(1)), unavailable);
    await expect(follow(server, { count: 2, lostAfterMs: 5_000 })).rejects.toMatchObject({
      exitCode: 7,
      message: expect.stringContaining('there was no connection for 5 s'),
    });
    expect(asked.length).toBeGreaterThan(2);
  });

  test('end with status 15 when the credentials are no longer good, and go on when the server stops', async () => {
    const end = (cause: string) => `id: 1-0\nevent: end\ndata: {"type":"end","time":"${TIME}","cause":"${cause}"}\n\n`;
    const { server } = await stream(sends(status(1) + end('stopping')), sends(status(2) + end('revoked')));
    await expect(follow(server, { count: 9 })).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
  });

  test.each([
    ['JSON', 'id: 1-0\nevent: status\ndata: {"type":\n\n'],
    ['a position', 'id: x\nevent: status\ndata: {"type":"status","time":"t","body":{}}\n\n'],
    ['an event', 'id: 1-0\nevent: status\ndata: {"type":"status"}\n\n'],
  ])('that hold no %s are refused instead of passed on', async (_, text) => {
    const { server } = await stream(sends(text), unavailable);
    await expect(follow(server, { lostAfterMs: 1_000 })).rejects.toMatchObject({ exitCode: 7 });
  });
});
