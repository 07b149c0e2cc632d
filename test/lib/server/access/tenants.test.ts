import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { bearer } from './access-fixture.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
});
afterAll(() => server.stop());

describe('tenants', () => {
  test('are made by an administrator of DEFAULT, with a token for their own', async () => {
    const made = await server.call('POST', '/api/v1/tenants', { body: { name: 'acme' } });
    expect(made).toMatchObject({ status: 201, body: { name: 'acme' } });
    expect(await server.call('GET', '/api/v1/whoami', { as: bearer(made.body.adminToken) })).toMatchObject({
      body: { tenant: 'acme', role: 'admin' },
    });
    expect((await server.call('GET', `/api/v1/tenants/${made.body.id}`)).body).toEqual({
      id: made.body.id,
      name: 'acme',
      createdAt: made.body.createdAt,
    });
    const { items } = (await server.call('GET', '/api/v1/tenants')).body;
    expect(items.map(({ name }: { name: string }) => name)).toEqual(['DEFAULT', 'OTHER', 'acme']);
  });

  test('are none of the business of an administrator of another', async () => {
    for (const [method, path, body] of [
      ['GET', '/api/v1/tenants', undefined],
      ['GET', '/api/v1/tenants/1', undefined],
      ['POST', '/api/v1/tenants', { name: 'evil' }],
    ] as const) {
      expect((await server.call(method, path, { tenant: 'OTHER', ...(body && { body }) })).status).toBe(403);
    }
    expect((await server.call('GET', '/api/v1/tenants')).body.items).toHaveLength(3);
  });

  test.each([
    ['a path of the server', 'api', 400],
    ['a name that differs in case alone', 'Acme', 409],
    ['a path in it', 'a/../b', 400],
    ['nothing', '', 400],
  ])('do not get as a name %s', async (_, name, status) => {
    expect((await server.call('POST', '/api/v1/tenants', { body: { name } })).status).toBe(status);
    expect((await server.call('GET', '/api/v1/tenants')).body.items).toHaveLength(3);
  });
});

describe('settings', () => {
  test('are listed with their defaults, changed and reset by an administrator', async () => {
    const one = (method: string, body?: object) =>
      server.call(method, '/api/v1/settings/pollingTime', body ? { body } : {});
    expect((await one('GET')).body).toEqual({ name: 'pollingTime', value: '00:05:00', isDefault: true });
    expect((await one('PUT', { value: '00:00:10' })).body).toEqual({
      name: 'pollingTime',
      value: '00:00:10',
      isDefault: false,
    });
    expect((await one('PUT', { value: 'soon' })).status).toBe(400);
    expect((await one('GET')).body.value).toBe('00:00:10');
    expect((await one('DELETE')).body).toMatchObject({ value: '00:05:00', isDefault: true });
    const { items } = (await server.call('GET', '/api/v1/settings', { as: 'viewer' })).body;
    expect(items.map(({ name }: { name: string }) => name)).toContain('action.timeoutSeconds');
    expect((await server.call('GET', '/api/v1/settings/nothing')).status).toBe(404);
  });

  test('never tell a secret', async () => {
    const path = '/api/v1/settings/authentication.gatewaytoken.key';
    const value = 'a secret of a gateway';
    expect((await server.call('PUT', path, { body: { value } })).body).toEqual({
      name: 'authentication.gatewaytoken.key',
      isDefault: false,
    });
    expect(Object.keys((await server.call('GET', path)).body)).toEqual(['name', 'isDefault']);
  });
});
