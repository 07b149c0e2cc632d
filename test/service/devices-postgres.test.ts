import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEVICE_SORTS } from '../../src/lib/wire/devices.js';
import type { TestServer } from '../lib/server/server-fixture.js';
import { startTwoServers, type TwoServers } from '../support/two-servers.js';

let servers: TwoServers;
let one: TestServer;
let two: TestServer;
beforeAll(async () => {
  servers = await startTwoServers();
  ({ one, two } = servers);
});
afterAll(() => servers?.[Symbol.asyncDispose]());

const DEVICES = '/api/v1/devices';

describe('the registry over one PostgreSQL', () => {
  test('imports of the same devices at the same time, in two processes, end with each device once', async () => {
    const devices = Array.from({ length: 2_000 }, (_, n) => ({
      id: `car-${n}`,
      group: `g${n % 7}`,
      tags: ['eu'],
      metadata: { n: `${n}` },
    }));
    const imports = [
      one.call('POST', `${DEVICES}?update=true`, { body: devices }),
      two.call('POST', `${DEVICES}?update=true`, { body: [...devices].reverse() }),
    ];
    const results = (await Promise.all(imports)).map(({ status, body }) => [status < 300, body.created + body.updated]);
    expect(results).toEqual([
      [true, 2_000],
      [true, 2_000],
    ]);
    expect((await two.call('GET', `${DEVICES}?limit=0`)).body.total).toBe(2_000);
    expect((await one.call('GET', `${DEVICES}/car-7`)).body).toMatchObject({
      group: 'g0',
      tags: ['eu'],
      metadata: { n: '7' },
    });
  }, 60_000);

  test.each(DEVICE_SORTS.flatMap((sort) => [sort, `-${sort}`]))('pages by %s hold each device once', async (sort) => {
    const seen: string[] = [];
    for (let next = ''; next !== null; ) {
      const cursor = next === '' ? '' : `&cursor=${next}`;
      const { body } = await one.call('GET', `${DEVICES}?limit=700&fields=id&sort=${sort}${cursor}`);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
      next = body.next;
    }
    expect([seen.length, new Set(seen).size]).toEqual([2_000, 2_000]);
  });

  test('what a filter chooses is changed, tried and forgotten', async () => {
    const path = `${DEVICES}?where=group==g3`;
    const { devices } = (await one.call('DELETE', `${path}&expect=0&dryRun=true`)).body;
    const change = { body: { tags: { add: ['t'], remove: ['eu'] }, metadata: { k: 'v', n: null } } };
    expect((await two.call('PATCH', `${path}&expect=${devices}`, change)).body.devices).toBe(devices);
    expect((await one.call('GET', `${DEVICES}/car-3`)).body).toMatchObject({ tags: ['t'], metadata: { k: 'v' } });
    expect((await one.call('DELETE', `${path}&expect=1`)).status).toBe(409);
    expect((await one.call('DELETE', `${path}&expect=${devices}`)).status).toBe(200);
    expect((await two.call('GET', `${DEVICES}/car-3`)).status).toBe(404);
  });
});
