import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as z from 'zod/mini';
import { bearer, type CredentialSource } from '../../../src/lib/fleet-api/credential.js';
import { openFleetClient } from '../../../src/lib/fleet-api/fleet-client.js';

/** Delays are told, not waited for. */
function pacing(delays: number[] = []) {
  return {
    monotonicMs: () => 0,
    now: () => new Date(0),
    delay: async (ms: number) => void delays.push(ms),
    random: () => 0.5,
  };
}

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  onTestFinished(() => void server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const named = z.object({ name: z.string() });

describe('a client of a fleet server', () => {
  test('asks again after what passes, and waits as long as the server says', async () => {
    let asked = 0;
    const server = await listen((_, response) => {
      if (++asked === 1) response.writeHead(503, { 'retry-after': '7' }).end('{}');
      else response.end('{"name":"hub"}');
    });
    const delays: number[] = [];
    await using client = await openFleetClient({ server, pacing: pacing(delays) });
    expect(await client.call('GET', '/x', { answer: named })).toEqual({ name: 'hub' });
    expect(delays).toEqual([7000]);
  });

  test('sends what changes something once only', async () => {
    let asked = 0;
    const server = await listen((_, response) => {
      asked++;
      response.writeHead(503).end();
    });
    await using client = await openFleetClient({ server, pacing: pacing() });
    await expect(client.call('POST', '/x', { json: {}, answer: named })).rejects.toMatchObject({ code: 'HTTP_STATUS' });
    expect(asked).toBe(1);
  });

  test('renews a credential that is refused, once', async () => {
    const seen: (string | undefined)[] = [];
    const server = await listen(({ headers }, response) => {
      seen.push(headers.authorization);
      if (headers.authorization === 'Bearer old') response.writeHead(401).end();
      else response.end('{"name":"hub"}');
    });
    const credential: CredentialSource = {
      current: async () => ({ authorization: 'Bearer old' }),
      renew: async () => ({ authorization: 'Bearer new' }),
    };
    await using client = await openFleetClient({ server, credential, pacing: pacing() });
    await client.call('GET', '/x', { answer: named });
    expect(seen).toEqual(['Bearer old', 'Bearer new']);
  });

  test.each([
    [401, 'AUTHENTICATION_FAILED', 15],
    [403, 'PERMISSION_DENIED', 15],
    [404, 'NOT_FOUND', 16],
    [409, 'CONFLICT', 8],
    [413, 'LIMIT_EXCEEDED', 9],
    [400, 'USAGE', 2],
    [500, 'HTTP_STATUS', 7],
  ])(
    'ends a %i as %s (status %i), with what the server says and no control characters',
    async (status, code, exitCode) => {
      const server = await listen((_, response) =>
        response.writeHead(status).end('{"error":{"code":"X","message":"no\\u001b[2J","suggestions":[]}}'),
      );
      await using client = await openFleetClient({ server, credential: bearer('t'), pacing: pacing() });
      const failure = client.call('GET', '/x', { answer: named });
      await expect(failure).rejects.toMatchObject({
        code,
        exitCode,
        message: expect.stringContaining('no\\u{1b}[2J'),
      });
    },
  );

  test('refuses by the reason that the server names where it judged a package', async () => {
    const server = await listen((_, response) =>
      response.writeHead(422).end('{"error":{"code":"SIGNATURE_MISSING","message":"a.ota: not signed"}}'),
    );
    await using client = await openFleetClient({ server, pacing: pacing() });
    await expect(client.call('GET', '/x')).rejects.toMatchObject({ code: 'SIGNATURE_MISSING', exitCode: 3 });
  });

  test('says so when something else than a fleet server answers', async () => {
    const server = await listen((_, response) => response.end('<html>'));
    await using client = await openFleetClient({ server, pacing: pacing() });
    await expect(client.call('GET', '/x', { answer: named })).rejects.toMatchObject({
      code: 'HTTP_STATUS',
      suggestions: ['Check that the address is that of a fleet server.'],
    });
  });
});
