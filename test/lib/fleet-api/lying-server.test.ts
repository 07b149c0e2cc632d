import type { IncomingMessage, ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bearer } from '../../../src/lib/fleet-api/credential.js';
import type { FleetDriver } from '../../../src/lib/fleet-api/driver.js';
import { openFleetClient } from '../../../src/lib/fleet-api/fleet-client.js';
import { openFleetDriver } from '../../../src/lib/fleet-api/fleet-driver.js';
import { openHawkbitDriver } from '../../../src/lib/fleet-api/hawkbit-driver.js';
import type { HttpLimits } from '../../../src/lib/net/http-policy.js';
import type { Pacing } from '../../../src/lib/net/pacing.js';
import { serve } from '../net/servers.js';

const TOKEN = 'fleet_secret_0123456789';
const REF = JSON.stringify({ name: 'c.s1.0', tag: 1, set: 2, devices: 3, already: 0, rollout: { id: 4, group: 5 } });
const NOW = { silentForMs: 1_000, now: 10_000 };
const portion = {
  ...{ name: 'c.s1.0', description: '', devices: ['a', 'b', 'c'], errorThresholdPercent: 5, window: null },
  software: { id: '2', name: 'firmware', version: '2.0.0', digest: null },
};

type Answer = (request: IncomingMessage, response: ServerResponse, path: string) => void;
const json = (response: ServerResponse, body: unknown, status = 200, headers = {}) =>
  void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const rollout = (changes: object = {}) => ({ id: 4, name: 'c.s1.0', status: 'running', totalTargets: 3, ...changes });

/** A driver of a server that answers so, and everything that server was asked. */
async function driven(
  answer: Answer,
  { kind = 'hawkbit', limits = {} }: { kind?: 'hawkbit' | 'fleet'; limits?: Partial<HttpLimits> } = {},
) {
  const asked: string[] = [];
  const delaysMs: number[] = [];
  const server = await serve((request, response) => {
    asked.push(`${request.method} ${request.url!.split('?')[0]}`);
    answer(request, response, request.url!);
  });
  let now = 0;
  const pacing: Pacing = {
    monotonicMs: () => (now += 1),
    now: () => new Date(0),
    delay: async (ms) => void delaysMs.push(ms),
    random: () => 0.5,
  };
  const policy = { limits };
  const client = await openFleetClient({ server: server.origin, credential: bearer(TOKEN), policy, pacing });
  const open = kind === 'fleet' ? openFleetDriver : openHawkbitDriver;
  const driver = open(client, { address: server.origin, pacing });
  onTestFinished(async () => {
    await driver[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  return { driver, asked, delaysMs };
}

async function all<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const entries: T[] = [];
  for await (const page of pages) entries.push(...page);
  return entries;
}

describe('a server that refuses in the middle', () => {
  test.each([
    [401, 'AUTHENTICATION_FAILED', 15],
    [403, 'PERMISSION_DENIED', 15],
    [423, 'CONFLICT', 8],
    [500, 'HTTP_STATUS', 7],
    [302, 'REDIRECT_REFUSED', 7],
  ])(
    'with %i ends a portion half prepared as %s, and what was asked is not asked again',
    async (status, code, exitCode) => {
      const { driver, asked } = await driven((request, response, path) => {
        if (request.method === 'PUT' && path.endsWith('/assigned'))
          return json(response, {}, status, { location: '/elsewhere' });
        if (request.method === 'POST') return json(response, [{ id: 1, name: 'c.s1.0' }], 201);
        json(response, { content: [], total: 0 });
      });
      await expect(driver.prepare(portion)).rejects.toMatchObject({ code, exitCode });
      expect(asked.filter((one) => !one.startsWith('GET'))).toEqual([
        'POST /rest/v1/targettags',
        'PUT /rest/v1/targettags/1/assigned',
      ]);
    },
  );

  test('is asked again when it is busy, as late as it says, and never in what changes something', async () => {
    let questions = 0;
    const { driver, asked, delaysMs } = await driven((request, response) => {
      if (request.method === 'POST') return json(response, {}, 503, { 'retry-after': '9' });
      questions += 1;
      if (questions === 1) return json(response, {}, 429, { 'retry-after': '7' });
      json(response, rollout({ status: 'ready' }));
    });
    await expect(driver.start(REF)).rejects.toMatchObject({ code: 'HTTP_STATUS', exitCode: 7 });
    expect(delaysMs).toEqual([7_000]);
    expect(asked.filter((one) => one.startsWith('POST'))).toEqual(['POST /rest/v1/rollouts/4/start']);
  });

  test('for a quota that is full is not asked again', async () => {
    const body = { errorCode: 'hawkbit.server.error.quota.tooManyEntries', message: 'too many' };
    const { driver, asked } = await driven((_, response) => json(response, body, 429, { 'retry-after': '1' }));
    await expect(driver.progress(REF, NOW)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', exitCode: 9 });
    expect(asked).toHaveLength(1);
  });

  test('asks for a longer wait than anybody has, and is left alone', async () => {
    const { driver, delaysMs } = await driven((_, response) => json(response, {}, 429, { 'retry-after': '86400' }));
    await expect(driver.progress(REF, NOW)).rejects.toMatchObject({ code: 'HTTP_STATUS' });
    expect(delaysMs).toEqual([]);
  });
});

describe('a server whose answers are none', () => {
  test.each([
    ['text', 'no JSON'],
    ['half an object', '{"id":4,'],
    ['another object', '{"status":"UP"}'],
    ['a number that is none', '{"id":4,"name":"c","status":"running","totalTargets":-1}'],
    ['the same member twice', '{"id":4,"id":5,"name":"c","status":"running"}'],
  ])('(%s) is not believed', async (_, text) => {
    const { driver } = await driven((__, response) => void response.end(text));
    await expect(driver.progress(REF, NOW)).rejects.toMatchObject({ code: 'HTTP_STATUS', exitCode: 7 });
  });

  test('because they have no end is left', async () => {
    const { driver } = await driven((_, response) => {
      const chunk = Buffer.alloc(1024 ** 2, ' ');
      const more = () => {
        while (response.write(chunk));
      };
      response.on('drain', more);
      more();
    });
    await expect(driver.progress(REF, NOW)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', exitCode: 9 });
  });

  test('because they come a byte at a time is left', async () => {
    const limits = { minimumBytesPerSecond: 1e6, rateWindowMs: 5, attempts: 2 };
    const bytes = (response: ServerResponse) => {
      const timer = setInterval(() => response.write(' '), 1);
      response.on('close', () => clearInterval(timer));
    };
    const { driver, asked } = await driven((_, response) => bytes(response), { limits });
    await expect(driver.progress(REF, NOW)).rejects.toMatchObject({ code: 'NETWORK_FAILED', exitCode: 7 });
    expect(asked).toHaveLength(2);
  });

  test('because it says nothing at all is left', async () => {
    const sockets = new Set<net.Socket>();
    const silent = net.createServer((socket) => void sockets.add(socket)).listen(0, '127.0.0.1');
    await new Promise((done) => silent.once('listening', done));
    const server = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const policy = { limits: { idleTimeoutMs: 20, attempts: 1 } };
    await using client = await openFleetClient({ server, credential: bearer(TOKEN), policy });
    const driver = openHawkbitDriver(client, { address: server });
    await expect(driver.stop(REF)).rejects.toMatchObject({ code: 'NETWORK_FAILED', exitCode: 7 });
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  test('because the connection ends in the middle is asked again, and then left', async () => {
    const { driver, asked } = await driven((_, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{');
      setImmediate(() => response.destroy());
    });
    await expect(driver.progress(REF, NOW)).rejects.toMatchObject({ code: 'NETWORK_FAILED' });
    expect(asked).toHaveLength(5);
  });
});

describe('a server whose lists are none', () => {
  const devices = (...names: string[]) => names.map((controllerId) => ({ controllerId }));

  test.each([
    ['the same page for ever', devices('a', 'b'), 1e9],
    ['more than there is', [], 7],
  ])('(%s) ends, and is not believed', async (_, content, total) => {
    const { driver } = await driven((__, response, path) =>
      json(response, path.includes('distributionsets') ? { content: [], total: 0 } : { content, total }),
    );
    await expect(all(driver.devices(''))).rejects.toMatchObject({ code: 'HTTP_STATUS', exitCode: 7 });
  });

  test('does not make it go round in its cursors', async () => {
    let page = 0;
    const { driver } = await driven(
      (_, response, path) => {
        if (path.startsWith('/api/v1/devices'))
          return json(response, { items: [{ id: 'a' }], total: 9, next: `c${++page}` });
        json(response, path.startsWith('/api') ? { items: [], total: 0, next: null } : { content: [], total: 0 });
      },
      { kind: 'fleet' },
    );
    await expect(all(driver.devices(''))).rejects.toMatchObject({ code: 'HTTP_STATUS', exitCode: 7 });
  });

  test('tells more devices than the portion has, and is not believed', async () => {
    const told = { running: 90, finished: 90, error: 90, cancelled: 90 };
    const { driver } = await driven((_, response, path) => {
      if (path.startsWith('/rest/v1/rollouts/4/')) return json(response, { content: [], total: 500 });
      json(
        response,
        path.startsWith('/rest/v1/actions') ? { content: [], total: 0 } : rollout({ totalTargetsPerStatus: told }),
      );
    });
    await expect(driver.progress(REF, NOW)).rejects.toMatchObject({ code: 'HTTP_STATUS' });
  });
});

describe('a credential', () => {
  async function stranger() {
    const seen: (string | undefined)[] = [];
    const server = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end('{}');
    });
    onTestFinished(() => server[Symbol.asyncDispose]());
    return { origin: server.origin, seen };
  }

  test.each([301, 302, 303, 307, 308])(
    'is not taken elsewhere by a redirect (%i), and nothing is believed done',
    async (status) => {
      const other = await stranger();
      const { driver } = await driven((request, response) =>
        request.method === 'GET'
          ? json(response, rollout({ status: 'ready' }))
          : json(response, {}, status, { location: `${other.origin}/login` }),
      );
      await expect(driver.start(REF)).rejects.toMatchObject({ code: 'REDIRECT_REFUSED', exitCode: 7 });
      expect(other.seen).toEqual([]);
    },
  );

  test('is not taken elsewhere by the links of an answer', async () => {
    const other = await stranger();
    const href = `${other.origin}/rest/v1/targets/..%2Fa/actions/7`;
    const { driver, asked } = await driven((request, response, path) => {
      if (request.method === 'DELETE' || path.endsWith('/pause')) return json(response, {}, 200);
      if (request.method === 'POST') return json(response, {}, 404);
      if (path.startsWith('/rest/v1/actions')) {
        return json(response, { content: [{ id: 7, status: 'pending', _links: { self: { href } } }], total: 1 });
      }
      json(response, path.includes('targettags') ? { id: 1, name: 'c.s1.0' } : rollout());
    });
    await driver.stop(REF);
    expect(asked).toContain('DELETE /rest/v1/targets/..%2Fa/actions/7');
    expect(other.seen).toEqual([]);
  });
});

describe('a rollout', () => {
  test.each<[string, object, Parameters<FleetDriver['progress']>[1] | null]>([
    ['was deleted', { status: 'deleted' }, NOW],
    ['is being deleted', { status: 'deleting' }, NOW],
  ])('that %s is forgotten', async (_, changes) => {
    const { driver } = await driven((__, response) => json(response, rollout(changes)));
    await expect(driver.progress(REF, NOW)).rejects.toMatchObject({ code: 'NOT_FOUND', exitCode: 16 });
  });

  test('that stays in creating is being prepared, however often it is asked (hawkbit#1770)', async () => {
    const { driver, asked } = await driven((_, response, path) =>
      json(response, path.includes('targettags') ? { id: 1, name: 'c.s1.0' } : rollout({ status: 'creating' })),
    );
    for (let times = 0; times < 3; times++)
      expect(await driver.progress(REF, NOW)).toMatchObject({ status: 'preparing' });
    expect(asked).toHaveLength(6);
  });

  test('that stays in starting and cannot be paused is a conflict in the end', async () => {
    const { driver, delaysMs } = await driven((request, response) =>
      request.method === 'POST' ? json(response, {}, 404) : json(response, rollout({ status: 'starting' })),
    );
    await expect(driver.stop(REF)).rejects.toMatchObject({ code: 'CONFLICT', exitCode: 8 });
    expect(delaysMs).toHaveLength(29);
  });

  test('that is called finished while devices are on their way is running', async () => {
    const { driver } = await driven((_, response, path) => {
      if (path.startsWith('/rest/v1/rollouts/4/')) return json(response, { content: [], total: 3 });
      json(response, rollout({ status: 'finished', totalTargetsPerStatus: { running: 2, finished: 1 } }));
    });
    const progress = await driver.progress(REF, { ...NOW, silentForMs: Number.POSITIVE_INFINITY });
    expect(progress).toMatchObject({ status: 'running', counts: { running: 2, installed: 1 } });
  });
});
