import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { managementOf } from './management-fixture.js';

let server: TestServer;
let api: ReturnType<typeof managementOf>;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
  api = managementOf(server);
});
afterAll(() => server.stop());

describe('targets', () => {
  test('are registered with a token that is told once', async () => {
    const [made] = await api.post('/targets', [
      { controllerId: 'a1', name: 'First', description: 'd', address: 'http://10.0.0.7/x', unheardOf: 1 },
    ]);
    expect(made).toMatchObject({
      controllerId: 'a1',
      name: 'First',
      description: 'd',
      address: 'http://10.0.0.7/x',
      ipAddress: '10.0.0.7',
      updateStatus: 'unknown',
      requestAttributes: true,
      securityToken: expect.stringMatching(/^[0-9a-f]{64}$/),
      _links: { self: { href: `${server.url}/rest/v1/targets/a1` } },
    });
    const told = await api.get('/targets/a1');
    expect(told.securityToken).toBeUndefined();
    expect(told._links.assignedDS.href).toBe(`${server.url}/rest/v1/targets/a1/assignedDS`);
  });

  test('are made all or none', async () => {
    const both = { body: [{ controllerId: 'new' }, { controllerId: 'a1' }] };
    expect(await server.call('POST', '/rest/v1/targets', both)).toMatchObject({
      status: 409,
      body: { errorCode: 'hawkbit.server.error.repo.entitiyAlreayExists', message: expect.stringContaining('"a1"') },
    });
    expect(await server.call('GET', '/rest/v1/targets/new')).toMatchObject({
      status: 404,
      body: { errorCode: 'hawkbit.server.error.repo.entitiyNotFound' },
    });
  });

  test.each([
    ['no array', { controllerId: 'x' }, 'expected array'],
    ['a name with a slash', [{ controllerId: 'a/b' }], 'expected no white space'],
    ['a number for a name', [{ controllerId: 7 }], '[0].controllerId: expected string'],
    ['a type of targets', [{ controllerId: 'x', targetType: 4 }], 'no types of targets'],
  ])('refuse %s with one sentence', async (_what, body, message) => {
    const refused = await server.call('POST', '/rest/v1/targets', { body });
    expect(refused.status).toBe(400);
    expect(refused.body.message).toContain(message);
    expect((await server.call('GET', '/rest/v1/targets/x')).status).toBe(404);
  });

  test('are listed by filter, order and page', async () => {
    await api.targets('list-3', 'list-1', 'list-2');
    expect(await api.ids('/targets?q=controllerId==list-*')).toEqual(['list-1', 'list-2', 'list-3']);
    expect(await api.ids('/targets?q=controllerId==list-*&sort=controllerId:DESC&limit=2')).toEqual([
      'list-3',
      'list-2',
    ]);
    expect(await api.get('/targets?q=controllerId==list-*&offset=2&limit=2')).toMatchObject({ total: 3, size: 1 });
    const unknown = await server.call('GET', '/rest/v1/targets?q=colour==red');
    expect(unknown).toMatchObject({ status: 400, body: { message: expect.stringContaining('no field "colour"') } });
  });

  test('are changed and forgotten', async () => {
    await api.targets('b1');
    expect(await api.put('/targets/b1', { name: 'Bee', securityToken: 'a-new-token', group: 'G' })).toMatchObject({
      name: 'Bee',
      group: 'G',
      securityToken: 'a-new-token',
    });
    await api.delete('/targets/b1');
    expect((await server.call('DELETE', '/rest/v1/targets/b1')).status).toBe(404);
  });

  test('have metadata, tags and groups', async () => {
    await api.targets('m1', 'm2');
    await api.post('/targets/m1/metadata', [{ key: 'site', value: 'north' }]);
    expect(
      (await server.call('POST', '/rest/v1/targets/m1/metadata', { body: [{ key: 'site', value: 'x' }] })).status,
    ).toBe(409);
    await api.put('/targets/m1/metadata/site', { value: 'south' });
    expect(await api.get('/targets/m1/metadata/site')).toEqual({ key: 'site', value: 'south' });
    expect(await api.ids('/targets?q=metadata.site==south')).toEqual(['m1']);

    const [tag] = await api.post('/targettags', [{ name: 'canary', colour: 'yellow' }]);
    await api.post(`/targettags/${tag.id}/assigned`, ['m1']);
    await api.put(`/targettags/${tag.id}/assigned`, ['m1', 'm2']);
    await api.delete(`/targettags/${tag.id}/assigned/m2`);
    expect(await api.ids(`/targettags/${tag.id}/assigned`)).toEqual(['m1']);
    expect(await api.get('/targets/m1/tags')).toMatchObject([{ name: 'canary', colour: 'yellow' }]);
    const unknown = await server.call('POST', `/rest/v1/targettags/${tag.id}/assigned`, { body: ['m2', 'ghost'] });
    expect(unknown.status).toBe(404);
    expect(await api.ids(`/targettags/${tag.id}/assigned`)).toEqual(['m1']);

    await api.put('/targetgroups?group=Europe&q=controllerId==m*');
    expect(await api.ids('/targetgroups/Europe/assigned')).toEqual(['m1', 'm2']);
    expect(await api.get('/targetgroups')).toContain('Europe');
  });

  test('are unknown to other tenants', async () => {
    await api.targets('mine');
    const [tag] = await api.post('/targettags', [{ name: 'mine' }]);
    for (const [method, path, body] of [
      ['GET', '/targets/mine'],
      ['PUT', '/targets/mine', { name: 'stolen' }],
      ['DELETE', '/targets/mine'],
      ['GET', `/targettags/${tag.id}/assigned`],
      ['DELETE', `/targettags/${tag.id}`],
    ] as const) {
      const result = await server.call(method, `/rest/v1${path}`, { tenant: 'OTHER', ...(body && { body }) });
      expect(result.status, `${method} ${path}`).toBe(404);
    }
    expect(await api.get('/targets/mine')).toMatchObject({ name: 'mine' });
  });

  test('are selected by saved filters that can be understood', async () => {
    const filter = await api.post('/targetfilters', { name: 'north', query: 'metadata.site==north' });
    expect(await api.get(`/targetfilters/${filter.id}`)).toMatchObject({ query: 'metadata.site==north' });
    const bad = await server.call('PUT', `/rest/v1/targetfilters/${filter.id}`, { body: { query: 'nothing==1' } });
    expect(bad.status).toBe(400);
    expect(await api.get('/targetfilters?q=name==north')).toMatchObject({ total: 1 });
  });

  test('every change is in the audit log, with who made it', async () => {
    await server.call('POST', '/rest/v1/targets', { body: [{ controllerId: 'audited' }], as: 'operator' });
    const { database } = server.running.context;
    const entry = await database.sql
      .selectFrom('audit')
      .select(['actor', 'action'])
      .where('object', '=', 'device:audited')
      .executeTakeFirstOrThrow();
    expect(entry).toMatchObject({ action: 'device.created', actor: expect.stringContaining('operator') });
  });
});
