import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FleetProcess, startFleet } from '../support/fleet-process.js';
import { type TestFolder, testFolder } from '../support/folder.js';

describe('fleet serve as a process', () => {
  let folder: TestFolder;
  let server: FleetProcess;
  beforeAll(async () => {
    folder = await testFolder();
    server = await startFleet({ data: folder.file('data') });
  });
  afterAll(async () => {
    await server.end('SIGKILL');
    await folder[Symbol.asyncDispose]();
  });

  test('cuts clients that send their headers too slowly with 408, while it serves others', {
    timeout: 60_000,
  }, async () => {
    const slow = Array.from({ length: 50 }, () => trickle(server.url));
    await expect.poll(() => slow.every(({ isOpen }) => isOpen())).toBe(true);
    const whileSlow: number[] = [];
    const isCut = Promise.all(slow.map(({ answer }) => answer));
    let isDone = false;
    void isCut.then(() => {
      isDone = true;
    });
    while (!isDone) {
      whileSlow.push((await server.call('GET', '/healthz')).status);
      await delay(20); // below the rate that one caller may ask at
    }
    expect(new Set(whileSlow)).toEqual(new Set([200]));
    expect(new Set((await isCut).map((text) => text.split('\r\n', 1)[0]))).toEqual(
      new Set(['HTTP/1.1 408 Request Timeout']),
    );
  });

  test('leaves files that its owner alone can read', async () => {
    for (const name of ['admin-token', 'fleet.db']) expect(statSync(folder.file(`data/${name}`)).mode & 0o077).toBe(0);
    expect(statSync(folder.file('data')).mode & 0o077).toBe(0);
  });
});

describe.each([
  { signal: 'SIGINT', status: 130 },
  { signal: 'SIGTERM', status: 143 },
] as const)('$signal', ({ signal, status }) => {
  test(`lets the request under way be answered, lets nobody else in, and ends with ${status}`, async () => {
    await using folder = await testFolder();
    const server = await startFleet({ data: folder.file('data') });
    const lock = folder.file('data/server.lock');
    expect(existsSync(lock)).toBe(true);
    const watched = await openEvents(server);
    const body = JSON.stringify([{ id: 'last-1' }]);
    const halfway = request(`${server.url}/api/v1/devices`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${server.adminToken}`,
        'content-type': 'application/json',
        'content-length': body.length,
        expect: '100-continue',
      },
    });
    halfway.flushHeaders();
    await once(halfway, 'continue'); // the server is with it
    const ended = server.end(signal);
    await expect
      .poll(() =>
        server.call('GET', '/healthz', { authorization: null }).then(
          () => 'answered',
          () => 'refused',
        ),
      )
      .toBe('refused');
    halfway.end(body);
    const [response] = await once(halfway, 'response');
    expect(response.statusCode).toBe(201);
    // Otherwise the server would wait for requests that nobody may send.
    expect(response.headers.connection).toBe('close');
    response.resume();
    expect(await ended).toBe(status);
    expect((await watched.rest).at(-1)).toMatchObject({ type: 'end', cause: 'stopping' });
    expect(existsSync(lock)).toBe(false);

    const again = await startFleet({ data: folder.file('data') });
    expect(await again.call('GET', '/api/v1/devices/last-1')).toMatchObject({ status: 200 });
    await again.end('SIGTERM');
  });
});

/** Watches what happens; the rest of it comes when the server ends the stream. */
async function openEvents({ url, adminToken }: FleetProcess): Promise<{ rest: Promise<object[]> }> {
  const response = await fetch(`${url}/api/v1/events`, { headers: { authorization: `Bearer ${adminToken}` } });
  expect(response.status).toBe(200);
  const rest = response
    .text()
    .then((text) => [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!)));
  return { rest };
}

/** A client that sends a byte of its headers now and then, and never all. */
function trickle(url: string): { isOpen(): boolean; answer: Promise<string> } {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let isOpen = false;
  let text = '';
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ');
  const dripping = setInterval(() => socket.write('a'), 200);
  socket
    .on('connect', () => {
      isOpen = true;
    })
    .on('error', () => undefined) // a drip may meet the closed connection
    .on('data', (chunk) => {
      text += String(chunk);
    });
  const answer = new Promise<string>((done) => {
    socket.once('close', () => {
      clearInterval(dripping);
      done(text);
    });
  });
  return { isOpen: () => isOpen, answer };
}
