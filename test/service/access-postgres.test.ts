import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit } from '../../src/lib/server/audit/audit.js';
import { addOperator, bearer, logIn } from '../lib/server/access/access-fixture.js';
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

describe('two processes over one PostgreSQL', () => {
  test('append to one audit log at once, and its chain holds', async () => {
    const before = (await one.call('GET', '/api/v1/audit/verify')).body.entries;
    const record = { tenantId: 1, actor: 'test', action: 'test.appended', detail: {}, now: 0 };
    const append = ({ running }: TestServer, index: number) =>
      running.context.database.transaction((tx) => audit(tx, { ...record, object: `thing:${index}` }));
    await Promise.all(Array.from({ length: 100 }, (_, index) => append(index % 2 === 0 ? one : two, index)));
    expect((await two.call('GET', '/api/v1/audit/verify')).body).toMatchObject({
      isIntact: true,
      entries: before + 100,
    });
  });

  test('share sessions: what one ends, the other refuses at once', async () => {
    await addOperator(one, 'ada', 'viewer');
    const { accessToken, refreshToken } = await logIn(one, 'ada');
    const ask = (server: TestServer) => server.call('GET', '/api/v1/whoami', { as: bearer(accessToken) });
    expect([(await ask(one)).status, (await ask(two)).status]).toEqual([200, 200]);
    await two.call('DELETE', '/api/v1/session', { as: bearer(accessToken) });
    expect([(await ask(one)).status, (await ask(two)).status]).toEqual([401, 401]);
    const renew = { body: { refreshToken }, as: null };
    expect((await one.call('POST', '/api/v1/session/refresh', renew)).status).toBe(401);
  });

  test('let a refresh token be used once, whichever of them it is sent to at the same time', async () => {
    await addOperator(one, 'bob', 'viewer');
    const { refreshToken } = await logIn(one, 'bob');
    const renew = (server: TestServer) =>
      server.call('POST', '/api/v1/session/refresh', { body: { refreshToken }, as: null });
    const statuses = (await Promise.all([renew(one), renew(two)])).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 401]);
  });

  test('keep an administrator when each is asked to demote the other one', async () => {
    const ids = [await addOperator(one, 'first', 'admin'), await addOperator(one, 'second', 'admin')];
    const demote = (server: TestServer, id: number) =>
      server.call('PATCH', `/api/v1/operators/${id}`, { body: { role: 'viewer' } });
    const statuses = (await Promise.all([demote(one, ids[0]!), demote(two, ids[1]!)])).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 409]);
    const { items } = (await one.call('GET', '/api/v1/operators')).body;
    expect(items.filter(({ role }: { role: string }) => role === 'admin')).toHaveLength(1);
  });

  test('go by a changed setting at once where it was changed, and within a second elsewhere', async () => {
    const polling = async ({ running }: TestServer) => (await running.context.tenantSettings.of(1)).pollingTime;
    expect([await polling(one), await polling(two)]).toEqual(['00:05:00', '00:05:00']);
    await one.call('PUT', '/api/v1/settings/pollingTime', { body: { value: '00:00:10' } });
    expect([await polling(one), await polling(two)]).toEqual(['00:00:10', '00:05:00']);
    two.advance(1000);
    expect(await polling(two)).toBe('00:00:10');
  });
});
