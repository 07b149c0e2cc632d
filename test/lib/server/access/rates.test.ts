import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openRateLimiter } from '../../../../src/lib/server/access/rate-limiter.js';
import { addressKey, DEFAULT_RATES } from '../../../../src/lib/server/access/rates.js';
import { startTestServer } from '../server-fixture.js';
import { addDevice, addOperator, basic, PASSWORD } from './access-fixture.js';

function standingClock() {
  let now = 1_000_000;
  return {
    now: () => new Date(now),
    advance(ms: number) {
      now += ms;
    },
  };
}

describe('a rate limiter', () => {
  test('lets a burst in, then so many a second, and says how long to wait', () => {
    const clock = standingClock();
    const limiter = openRateLimiter({ burst: 3, perSecond: 2 }, clock);
    expect([1, 2, 3, 4].map(() => limiter.take('a'))).toEqual([0, 0, 0, 500]);
    expect(limiter.take('b')).toBe(0);
    clock.advance(499);
    expect(limiter.take('a')).toBe(1);
    clock.advance(1);
    expect([limiter.take('a'), limiter.take('a')]).toEqual([0, 500]);
    limiter.giveBack('a');
    expect([limiter.take('a'), limiter.take('a')]).toEqual([0, 500]);
    clock.advance(3_600_000);
    expect([1, 2, 3, 4].map(() => limiter.take('a'))).toEqual([0, 0, 0, 500]);
  });

  test('locks nobody out for longer when the clock is set back', () => {
    const clock = standingClock();
    const limiter = openRateLimiter({ burst: 2, perSecond: 1 }, clock);
    limiter.take('a');
    limiter.take('a');
    clock.advance(-86_400_000);
    expect(limiter.take('a')).toBe(1000);
    clock.advance(1000);
    expect(limiter.take('a')).toBe(0);
  });

  test('remembers no more keys than it may, and forgets who was away for the longest time', () => {
    const limiter = openRateLimiter({ burst: 1, perSecond: 1 }, standingClock(), 2);
    expect(['a', 'b', 'c'].map((key) => limiter.take(key))).toEqual([0, 0, 0]);
    expect(['c', 'b', 'a'].map((key) => limiter.take(key))).toEqual([1000, 1000, 0]);
  });

  test('never lets more in than burst and rate allow, whatever comes when', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 20 }), (waits, burst, perSecond) => {
        const clock = standingClock();
        const limiter = openRateLimiter({ burst, perSecond }, clock);
        let [passed, elapsed] = [0, 0];
        for (const wait of waits) {
          clock.advance(wait);
          elapsed += wait;
          if (limiter.take('a') === 0) passed++;
          expect(passed).toBeLessThanOrEqual(burst + (elapsed / 1000) * perSecond + 1e-6);
        }
      }),
    );
  });
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
])('the address %s counts as %s', (address, key) => {
  expect(addressKey(address)).toBe(key);
});

describe('row 58: a flood', () => {
  const settings = { version: '0.0.0-test', scryptCost: 1024, maxArtifactBytes: 1024 ** 2 };
  const limited = {
    ...settings,
    rates: {
      ...DEFAULT_RATES,
      operator: { burst: 2, perSecond: 1 },
      device: { burst: 2, perSecond: 1 },
      stranger: { burst: 3, perSecond: 1 },
    },
  };

  test('of one operator is answered 429 with the time to wait; others are served', async () => {
    const server = await startTestServer({ settings: limited });
    const ask = (as: 'admin' | 'viewer') => server.call('GET', '/api/v1/whoami', { as });
    expect([(await ask('viewer')).status, (await ask('viewer')).status]).toEqual([200, 200]);
    const refused = await ask('viewer');
    expect(refused).toMatchObject({ status: 429, body: { error: { code: 'RATE_LIMITED' } } });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await ask('admin')).status).toBe(200);
    server.advance(1000);
    expect((await ask('viewer')).status).toBe(200);
  });

  test('of one device leaves the others behind the same address alone, and so do strangers there', async () => {
    const server = await startTestServer({ settings: limited });
    const tokens = new Map<string, string>();
    for (const name of ['a', 'b', 'c', 'd', 'e']) tokens.set(name, await addDevice(server, 1, name));
    const poll = async (name: string, token = tokens.get(name)!) =>
      (await server.call('GET', `/DEFAULT/controller/v1/${name}`, { as: { authorization: `TargetToken ${token}` } }))
        .status;
    expect([await poll('a'), await poll('a'), await poll('a')]).toEqual([200, 200, 429]);
    const strangers = [];
    for (let index = 0; index < 5; index++) strangers.push(await poll('b', 'wrong'));
    expect(strangers).toEqual([401, 401, 401, 429, 429]);
    for (const name of ['b', 'c', 'd', 'e']) expect([await poll(name), await poll(name)]).toEqual([200, 200]);
  });

  test('of whoever needs no credentials is limited by address', async () => {
    const server = await startTestServer({ settings: limited });
    const ask = async () => (await server.call('GET', '/api/v1/openapi.json', { as: null })).status;
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual([200, 200, 200, 429]);
  });

  test('of wrong passwords for one name stops at 20, whether there is such an operator or not', async () => {
    const server = await startTestServer({ settings });
    await addOperator(server, 'ada', 'viewer');
    await addOperator(server, 'bob', 'viewer');
    const ask = (name: string, password: string) => server.call('GET', '/api/v1/whoami', { as: basic(name, password) });
    expect((await ask('bob', PASSWORD)).status).toBe(200);
    for (const name of ['ada', 'nobody']) {
      const statuses = [];
      for (let index = 0; index < 22; index++) statuses.push((await ask(name, `wrong ${index}`)).status);
      expect(statuses).toEqual([...Array(20).fill(401), 429, 429]);
    }
    // Not even the right one: else it could be found by going on. Who has shown it before is not locked out.
    expect((await ask('ada', PASSWORD)).status).toBe(429);
    expect((await ask('bob', PASSWORD)).status).toBe(200);
    server.advance(45_000);
    expect((await ask('ada', PASSWORD)).status).toBe(200);
  });

  test('of passwords at once does not slip by the limit', async () => {
    const server = await startTestServer({ settings });
    const body = { name: 'ada', password: 'wrong' };
    const all = await Promise.all(
      Array.from({ length: 40 }, () => server.call('POST', '/api/v1/session', { body, as: null })),
    );
    expect(all.filter(({ status }) => status === 401)).toHaveLength(20);
    expect(all.filter(({ status }) => status === 429)).toHaveLength(20);
  });
});
