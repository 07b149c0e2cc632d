import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { addOperator, auditedActions, basic, bearer, logIn, PASSWORD } from './access-fixture.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
});
afterAll(() => server.stop());

const whoami = (as: ReturnType<typeof basic>) => server.call('GET', '/api/v1/whoami', { as });

describe('a password', () => {
  test('lets its operator in over Basic, by name in DEFAULT and by TENANT\\name in any', async () => {
    await addOperator(server, 'ada', 'operator');
    await addOperator(server, 'ada', 'viewer', 'OTHER');
    expect(await whoami(basic('ada', PASSWORD))).toMatchObject({
      status: 200,
      body: { tenant: 'DEFAULT', name: 'ada', role: 'operator', by: 'password' },
    });
    expect(await whoami(basic('DEFAULT\\ada', PASSWORD))).toMatchObject({ status: 200, body: { role: 'operator' } });
    expect(await whoami(basic('OTHER\\ada', PASSWORD))).toMatchObject({ status: 200, body: { role: 'viewer' } });
    expect(await server.call('GET', '/rest/v1/userinfo', { as: basic('ada', PASSWORD) })).toMatchObject({
      status: 200,
      body: { tenant: 'DEFAULT', username: 'ada' },
    });
  });

  test.each([
    ['a wrong password', 'DEFAULT\\ada', 'wrong horse battery'],
    ['an unknown name', 'nobody', PASSWORD],
    ['a name of another tenant', 'NOWHERE\\ada', PASSWORD],
    ['a name with a tenant in it', 'OTHER\\DEFAULT\\ada', PASSWORD],
    ['nothing', '', ''],
  ])('is refused in the same words: %s', async (_, user, password) => {
    const answer = await whoami(basic(user, password));
    expect(answer).toMatchObject({
      status: 401,
      body: { error: { code: 'UNAUTHENTICATED', message: 'no known credentials' } },
    });
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm="fleet"/);
  });

  test('is kept as scrypt with a salt of its own', async () => {
    const rows = await server.running.context.database.sql.selectFrom('operator').select('password_hash').execute();
    expect(rows).toHaveLength(2);
    expect(new Set(rows.map((row) => row.password_hash)).size).toBe(2);
    for (const row of rows) expect(row.password_hash).toMatch(/^scrypt\$1024\$8\$1\$[\w-]{22}\$[\w-]{43}$/);
  });

  test('that was remembered as right is forgotten when it changes, and when its operator is disabled', async () => {
    const id = await addOperator(server, 'bob', 'viewer');
    expect((await whoami(basic('bob', PASSWORD))).status).toBe(200);
    const next = 'another long password';
    await server.call('PATCH', `/api/v1/operators/${id}`, { body: { password: next } });
    expect((await whoami(basic('bob', PASSWORD))).status).toBe(401);
    expect((await whoami(basic('bob', next))).status).toBe(200);
    await server.call('PATCH', `/api/v1/operators/${id}`, { body: { isDisabled: true } });
    expect((await whoami(basic('bob', next))).status).toBe(401);
    await server.call('PATCH', `/api/v1/operators/${id}`, { body: { isDisabled: false } });
    expect((await whoami(basic('bob', next))).status).toBe(200);
  });

  test('is changed by its operator, who knows the current one, and ends the other sessions', async () => {
    await addOperator(server, 'cleo', 'viewer');
    const [here, elsewhere] = [await logIn(server, 'cleo'), await logIn(server, 'cleo')];
    const change = (current: string) =>
      server.call('PUT', '/api/v1/password', {
        body: { current, next: 'yet another password' },
        as: bearer(here.accessToken),
      });
    expect((await change('wrong horse battery')).status).toBe(401);
    expect((await whoami(bearer(elsewhere.accessToken))).status).toBe(200);
    expect((await change(PASSWORD)).status).toBe(204);
    expect((await whoami(bearer(here.accessToken))).status).toBe(200);
    expect((await whoami(bearer(elsewhere.accessToken))).status).toBe(401);
    expect((await whoami(basic('cleo', 'yet another password'))).status).toBe(200);
  });
});

describe('operators', () => {
  test('are added, told, changed and removed, and the audit log has it without their passwords', async () => {
    const id = await addOperator(server, 'dora', 'viewer');
    expect(await server.call('GET', `/api/v1/operators/${id}`)).toMatchObject({
      body: { id, name: 'dora', role: 'viewer', isDisabled: false },
    });
    const changed = await server.call('PATCH', `/api/v1/operators/${id}`, { body: { role: 'auditor' } });
    expect(changed).toMatchObject({ status: 200, body: { role: 'auditor' } });
    expect((await server.call('DELETE', `/api/v1/operators/${id}`)).status).toBe(204);
    expect((await server.call('GET', `/api/v1/operators/${id}`)).status).toBe(404);
    const log = await auditedActions(server);
    expect(log.filter((line) => line.endsWith('operator:dora')).map((line) => line.split(' ').at(-2))).toEqual([
      'operator.created',
      'operator.changed',
      'operator.removed',
    ]);
    const rows = await server.running.context.database.sql.selectFrom('audit').select('detail').execute();
    expect(JSON.stringify(rows)).not.toContain(PASSWORD);
  });

  test.each([
    ['a name that is taken', { name: 'ada', role: 'viewer', password: PASSWORD }, 409],
    ['a short password', { name: 'eve', role: 'viewer', password: 'short' }, 400],
    ['an unknown role', { name: 'eve', role: 'root', password: PASSWORD }, 400],
    ['a name with a colon', { name: 'eve:x', role: 'viewer', password: PASSWORD }, 400],
    ['a name with a tenant', { name: 'A\\eve', role: 'viewer', password: PASSWORD }, 400],
    ['a reserved name', { name: 'server', role: 'viewer', password: PASSWORD }, 400],
    ['a member nobody knows', { name: 'eve', role: 'viewer', password: PASSWORD, tenant: 'OTHER' }, 400],
  ])('are not added with %s', async (_, body, status) => {
    const before = (await server.call('GET', '/api/v1/operators')).body;
    expect((await server.call('POST', '/api/v1/operators', { body })).status).toBe(status);
    expect((await server.call('GET', '/api/v1/operators')).body).toEqual(before);
  });

  test('keep one administrator, who can be neither removed, demoted nor disabled', async () => {
    const own = await startTestServer();
    const [first, second] = [await addOperator(own, 'first', 'admin'), await addOperator(own, 'second', 'admin')];
    expect((await own.call('DELETE', `/api/v1/operators/${first}`)).status).toBe(204);
    const before = [(await own.call('GET', '/api/v1/operators')).body, await auditedActions(own)];
    for (const body of [{ role: 'operator' }, { isDisabled: true }]) {
      expect(await own.call('PATCH', `/api/v1/operators/${second}`, { body })).toMatchObject({
        status: 409,
        body: { error: { message: 'the tenant would have no administrator' } },
      });
    }
    expect((await own.call('DELETE', `/api/v1/operators/${second}`)).status).toBe(409);
    expect([(await own.call('GET', '/api/v1/operators')).body, await auditedActions(own)]).toEqual(before);
    const viewer = await addOperator(own, 'viewer', 'viewer');
    expect((await own.call('DELETE', `/api/v1/operators/${viewer}`)).status).toBe(204);
  });
});
