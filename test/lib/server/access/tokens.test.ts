import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { addOperator, auditedActions, basic, bearer, PASSWORD } from './access-fixture.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
});
afterAll(() => server.stop());

const whoami = (token: string) => server.call('GET', '/api/v1/whoami', { as: bearer(token) });
const make = (body: object, as?: ReturnType<typeof basic>) =>
  server.call('POST', '/api/v1/tokens', { body, ...(as && { as }) });

describe('an API token', () => {
  test('is shown once, kept as a hash, and lets in by its role', async () => {
    const { status, body } = await make({ name: 'ci', role: 'operator' });
    expect(status).toBe(201);
    expect(await whoami(body.token)).toMatchObject({ body: { name: 'token:ci', role: 'operator', by: 'token' } });
    const { token, ...shown } = body;
    const now = server.running.context.clock.now().getTime();
    expect((await server.call('GET', `/api/v1/tokens/${body.id}`)).body).toEqual({ ...shown, lastUsedAt: now });
    const rows = await server.running.context.database.sql.selectFrom('api_token').selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain(token);
  });

  test('row 56: is refused once it was revoked or has expired', async () => {
    const own = await startTestServer();
    const call = (token: string) => own.call('GET', '/api/v1/whoami', { as: bearer(token) });
    const expiresAt = own.running.context.clock.now().getTime() + 60_000;
    const short = (await own.call('POST', '/api/v1/tokens', { body: { name: 'short', role: 'viewer', expiresAt } }))
      .body;
    const long = (await own.call('POST', '/api/v1/tokens', { body: { name: 'long', role: 'viewer' } })).body;
    own.advance(59_999);
    expect([(await call(short.token)).status, (await call(long.token)).status]).toEqual([200, 200]);
    own.advance(1);
    expect([(await call(short.token)).status, (await call(long.token)).status]).toEqual([401, 200]);
    expect((await own.call('DELETE', `/api/v1/tokens/${long.id}`)).status).toBe(204);
    expect((await call(long.token)).status).toBe(401);
    expect(await auditedActions(own)).toHaveLength(3);
  });

  test('notes when it was used, to the minute', async () => {
    const { token, id } = (await make({ name: 'used', role: 'viewer' })).body;
    const lastUse = async () => (await server.call('GET', `/api/v1/tokens/${id}`)).body.lastUsedAt;
    expect(await lastUse()).toBeNull();
    await whoami(token);
    const first = await lastUse();
    server.advance(59_999);
    await whoami(token);
    expect(await lastUse()).toBe(first);
    server.advance(1);
    await whoami(token);
    expect(await lastUse()).toBe(first + 60_000);
  });

  test('is not made twice under one name, but again once it was revoked', async () => {
    const { id } = (await make({ name: 'again', role: 'viewer' })).body;
    expect((await make({ name: 'again', role: 'viewer' })).status).toBe(409);
    await server.call('DELETE', `/api/v1/tokens/${id}`);
    expect((await make({ name: 'again', role: 'viewer' })).status).toBe(201);
  });

  test('never may more than who makes it', async () => {
    await addOperator(server, 'ada', 'operator');
    const ada = basic('ada', PASSWORD);
    const before = (await server.call('GET', '/api/v1/tokens')).body;
    for (const role of ['admin', 'auditor']) {
      expect(await make({ name: 'more', role }, ada)).toMatchObject({
        status: 403,
        body: { error: { code: 'FORBIDDEN' } },
      });
    }
    expect((await server.call('GET', '/api/v1/tokens')).body).toEqual(before);
    expect((await make({ name: 'as-much', role: 'operator' }, ada)).status).toBe(201);
    expect((await make({ name: 'less', role: 'viewer' }, ada)).status).toBe(201);
  });

  test('may less as soon as who made it may less, and nothing when they are disabled or removed', async () => {
    const id = await addOperator(server, 'eve', 'admin');
    await addOperator(server, 'other', 'admin');
    const { token } = (await make({ name: 'of-eve', role: 'admin' }, basic('eve', PASSWORD))).body;
    const made = (await make({ name: 'of-token', role: 'admin' }, bearer(token))).body;
    const list = (by: string) => server.call('GET', '/api/v1/operators', { as: bearer(by) });
    expect([(await list(token)).status, (await list(made.token)).status]).toEqual([200, 200]);
    await server.call('PATCH', `/api/v1/operators/${id}`, { body: { role: 'viewer' } });
    expect([(await list(token)).status, (await list(made.token)).status]).toEqual([403, 403]);
    expect((await whoami(token)).body.permissions).toContain('devices:read');
    await server.call('PATCH', `/api/v1/operators/${id}`, { body: { isDisabled: true } });
    expect([(await whoami(token)).status, (await whoami(made.token)).status]).toEqual([401, 401]);
    await server.call('PATCH', `/api/v1/operators/${id}`, { body: { isDisabled: false } });
    expect((await whoami(token)).status).toBe(200);
    await server.call('DELETE', `/api/v1/operators/${id}`);
    expect([(await whoami(token)).status, (await whoami(made.token)).status]).toEqual([401, 401]);
  });

  test('of somebody else is nothing to who may not administer', async () => {
    await addOperator(server, 'fay', 'viewer');
    const fay = basic('fay', PASSWORD);
    const { id } = (await make({ name: 'of-admin', role: 'viewer' })).body;
    const own = (await make({ name: 'of-fay', role: 'viewer' }, fay)).body;
    const list = await server.call('GET', '/api/v1/tokens', { as: fay });
    expect(list.body.items.map(({ name }: { name: string }) => name)).toEqual(['of-fay']);
    for (const method of ['GET', 'DELETE']) {
      expect((await server.call(method, `/api/v1/tokens/${id}`, { as: fay })).status).toBe(404);
    }
    expect((await server.call('GET', `/api/v1/tokens/${id}`)).body.revokedAt).toBeNull();
    expect((await server.call('DELETE', `/api/v1/tokens/${own.id}`, { as: fay })).status).toBe(204);
  });
});
