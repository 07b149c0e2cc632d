import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEVICE_SORTS } from '../../../../src/lib/wire/devices.js';
import { OTHER_TENANT, startTestServer, type TestServer } from '../server-fixture.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
});
afterAll(() => server.stop());

const register = (devices: unknown, query = '') => server.call('POST', `/api/v1/devices${query}`, { body: devices });
const show = (id: string) => server.call('GET', `/api/v1/devices/${id}`);
const lines = (text: string, query = '') =>
  fetch(`${server.url}/api/v1/devices${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token('admin')}`, 'content-type': 'application/x-ndjson' },
    body: text,
  });

/** Everything that a refusal must leave as it was. */
async function state(): Promise<unknown> {
  const { sql } = server.running.context.database;
  return Promise.all(
    (['device', 'device_attribute', 'device_metadata', 'device_tag', 'tag', 'event', 'audit'] as const).map((table) =>
      sql.selectFrom(table).selectAll().execute(),
    ),
  );
}

describe('registering devices', () => {
  test('one device becomes known with all that was said; its token is kept as a hash', async () => {
    const { status, body } = await register({
      id: 'reg-1',
      name: 'Pump',
      group: 'plant',
      tags: ['b', 'a'],
      attributes: { model: 'x' },
      metadata: { site: 'north' },
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({ isDryRun: false, created: 1, updated: 0, conflicts: 0 });
    const [{ token, outcome }] = body.devices;
    expect(outcome).toBe('created');
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    expect((await show('reg-1')).body).toEqual({
      id: 'reg-1',
      name: 'Pump',
      description: null,
      address: null,
      group: 'plant',
      tags: ['a', 'b'],
      attributes: { model: 'x' },
      metadata: { site: 'north' },
      online: false,
      lastSeenAt: null,
      updateStatus: 'unknown',
      assigned: null,
      installed: null,
      installedAt: null,
      hasToken: true,
      wantsAttributes: true,
      createdAt: '2026-01-05T06:00:00.000Z',
      createdBy: expect.stringContaining('token:'),
      updatedAt: '2026-01-05T06:00:00.000Z',
      updatedBy: expect.stringContaining('token:'),
      actions: [],
    });
    const text = JSON.stringify(await state());
    expect(text).not.toContain(token);
  });

  test('a device that is known is a conflict, and then none is made', async () => {
    await register({ id: 'con-1', name: 'first' });
    const before = await state();
    const { status, body } = await register([{ id: 'con-2' }, { id: 'con-1', name: 'second' }]);
    expect(status).toBe(409);
    expect(body.error.message).toContain('"con-1"');
    expect(await state()).toEqual(before);
  });

  test('partial makes the others and tells which were left out', async () => {
    await register({ id: 'part-1', name: 'first' });
    const { body } = await register([{ id: 'part-1', name: 'x' }, { id: 'part-2' }, { id: 'part-2' }], '?partial=true');
    expect(body.devices.map((device: { outcome: string }) => device.outcome)).toEqual([
      'conflict',
      'created',
      'conflict',
    ]);
    expect((await show('part-1')).body.name).toBe('first');
  });

  test('update changes what is given and leaves the rest; the token stays', async () => {
    await register({
      id: 'up-1',
      name: 'Pump',
      group: 'a',
      tags: ['one', 'two'],
      attributes: { model: 'x' },
      metadata: { site: 'north', row: '1' },
      token: 'a-token-of-its-own',
    });
    const hash = async () =>
      (
        await server.running.context.database.sql
          .selectFrom('device')
          .select('token_hash')
          .where('controller_id', '=', 'up-1')
          .executeTakeFirstOrThrow()
      ).token_hash;
    const before = await hash();
    const { status, body } = await register(
      [{ id: 'up-1', group: null, tags: ['two', 'three'], metadata: { site: 'south' } }, { id: 'up-2' }],
      '?update=true',
    );
    expect([status, body.created, body.updated, body.conflicts]).toEqual([201, 1, 1, 0]);
    expect(body.devices[0]).toEqual({ id: 'up-1', outcome: 'updated' });
    expect((await show('up-1')).body).toMatchObject({
      name: 'Pump',
      group: null,
      tags: ['three', 'two'],
      attributes: { model: 'x' },
      metadata: { site: 'south', row: '1' },
    });
    expect(await hash()).toBe(before);
  });

  test('a dry run tells what would become of each, and changes nothing', async () => {
    await register({ id: 'dry-1' });
    const before = await state();
    const { status, body } = await register([{ id: 'dry-1', name: 'n' }, { id: 'dry-2' }], '?dryRun=true&update=true');
    expect(status).toBe(200);
    expect(body).toMatchObject({ isDryRun: true, created: 1, updated: 1 });
    expect(JSON.stringify(body)).not.toContain('token');
    expect(await state()).toEqual(before);
  });

  test('devices may come one a line; a wrong one is named by its line and nothing is made', async () => {
    const made = await lines('{"id":"line-1"}\n\n{"id":"line-2","tags":["a"]}\r\n');
    expect(made.status).toBe(201);
    const before = await state();
    for (const [text, where] of [
      ['{"id":"line-3"}\n{"id":"line 4"}\n', 'line 2'],
      ['{"id":"line-3"}\n{"id":', 'line 2'],
      ['{"id":"line-3","colour":"red"}', 'line 1'],
    ] as const) {
      const refused = await lines(text);
      expect(refused.status).toBe(400);
      expect(await refused.text()).toContain(where);
    }
    expect(await state()).toEqual(before);
  });

  test.each([
    ['no device', [], 400],
    ['more than fit one request', Array.from({ length: 10_001 }, (_, n) => ({ id: `m-${n}` })), 413],
    ['a name that leads elsewhere', { id: '../x' }, 400],
    ['a token that is too short', { id: 'short', token: 'abc' }, 400],
    ['an attribute that no filter could name', { id: 'attr', attributes: { 'a=b': '1' } }, 400],
    ['a control character in a name', { id: 'ctl', name: 'a\u001bb' }, 400],
  ])('refuses %s', async (_, body, status) => {
    const before = await state();
    expect((await register(body)).status).toBe(status);
    expect(await state()).toEqual(before);
  });

  test('refuses a body that is too large before it has read it', async () => {
    const before = await state();
    const { status } = await server.call('POST', '/api/v1/devices', { body: { id: 'x'.repeat(17 * 1024 ** 2) } });
    expect(status).toBe(413);
    expect(await state()).toEqual(before);
  });

  test('tells watchers and the audit log', async () => {
    const { sql } = server.running.context.database;
    await register([{ id: 'told-1' }, { id: 'told-2' }]);
    const events = await sql
      .selectFrom('event')
      .select(['device', 'type', 'body'])
      .orderBy('seq', 'desc')
      .limit(2)
      .execute();
    expect(events).toEqual([
      { device: 'told-2', type: 'status', body: '{"event":"registered"}' },
      { device: 'told-1', type: 'status', body: '{"event":"registered"}' },
    ]);
    const entry = await sql.selectFrom('audit').selectAll().orderBy('seq', 'desc').limit(1).executeTakeFirstOrThrow();
    expect(entry).toMatchObject({ action: 'devices.created', detail: '{"devices":2,"ids":["told-1","told-2"]}' });
  });
});

describe('changing devices', () => {
  test('changes one; what is null goes', async () => {
    await register({ id: 'ch-1', group: 'g', tags: ['old', 'kept'], metadata: { a: '1', b: '2' } });
    const { status, body } = await server.call('PATCH', '/api/v1/devices/ch-1', {
      body: {
        name: 'New',
        group: null,
        tags: { add: ['new'], remove: ['old', 'never'] },
        metadata: { a: null, c: '3' },
      },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ name: 'New', group: null, tags: ['kept', 'new'], metadata: { b: '2', c: '3' } });
    expect((await show('ch-1')).body).toMatchObject(body);
  });

  test('a new token is kept as its hash, and is in no log', async () => {
    await register({ id: 'tok-1' });
    await server.call('PATCH', '/api/v1/devices/tok-1', { body: { token: 'the-new-secret-token' } });
    expect(JSON.stringify(await state())).not.toContain('the-new-secret-token');
  });

  test('changes all that a filter chooses, if they are as many as somebody saw', async () => {
    await register(['m-1', 'm-2', 'm-3'].map((id) => ({ id, group: 'many' })));
    const path = (expect: number, more = '') =>
      `/api/v1/devices?where=${encodeURIComponent('group==many')}&expect=${expect}${more}`;
    const change = { tags: { add: ['t'] }, metadata: { k: 'v' } };
    const before = await state();
    expect((await server.call('PATCH', path(2), { body: change })).status).toBe(409);
    expect((await server.call('PATCH', path(0, '&dryRun=true'), { body: change })).body).toEqual({
      isDryRun: true,
      devices: 3,
    });
    expect(await state()).toEqual(before);
    expect((await server.call('PATCH', path(3), { body: change })).body).toEqual({ isDryRun: false, devices: 3 });
    expect((await show('m-2')).body).toMatchObject({ tags: ['t'], metadata: { k: 'v' } });
  });

  test('forgets one, and all that a filter chooses', async () => {
    await register(['rm-1', 'rm-2', 'rm-3'].map((id) => ({ id, tags: ['gone'], group: 'rm' })));
    expect((await server.call('DELETE', '/api/v1/devices/rm-1')).status).toBe(204);
    expect((await show('rm-1')).status).toBe(404);
    expect((await server.call('DELETE', '/api/v1/devices/rm-1')).status).toBe(404);
    const path = (expect: number) => `/api/v1/devices?where=group==rm&expect=${expect}`;
    const before = await state();
    expect((await server.call('DELETE', path(3))).status).toBe(409);
    expect(await state()).toEqual(before);
    expect((await server.call('DELETE', path(2))).body).toEqual({ isDryRun: false, devices: 2 });
    expect((await show('rm-3')).status).toBe(404);
  });

  test('nothing is chosen without a filter', async () => {
    const before = await state();
    expect((await server.call('DELETE', '/api/v1/devices?expect=0')).status).toBe(400);
    expect(await state()).toEqual(before);
  });
});

describe('tenants', () => {
  test('a device of another tenant is nowhere, whatever is asked', async () => {
    await register({ id: 'mine', group: 'secret' });
    const other = { tenant: OTHER_TENANT } as const;
    const before = await state();
    expect((await server.call('GET', '/api/v1/devices/mine', other)).status).toBe(404);
    expect((await server.call('PATCH', '/api/v1/devices/mine', { ...other, body: { name: 'x' } })).status).toBe(404);
    expect((await server.call('DELETE', '/api/v1/devices/mine', other)).status).toBe(404);
    const everything = '/api/v1/devices?where=controllerId==*&expect=0';
    expect((await server.call('DELETE', everything, other)).body).toEqual({ isDryRun: false, devices: 0 });
    expect((await server.call('PATCH', everything, { ...other, body: { group: 'x' } })).body.devices).toBe(0);
    expect((await server.call('GET', '/api/v1/devices', other)).body).toEqual({ items: [], total: 0, next: null });
    expect(await state()).toEqual(before);
  });

  test('two tenants may have devices of one name, tags and all', async () => {
    const body = { id: 'both', tags: ['shared'], group: 'here' };
    await register(body);
    const made = await server.call('POST', '/api/v1/devices?update=true', {
      tenant: OTHER_TENANT,
      body: { ...body, group: 'there' },
    });
    expect(made.body).toMatchObject({ created: 1, updated: 0 });
    expect((await show('both')).body.group).toBe('here');
  });
});

describe('lists', () => {
  test('a filter, an order, a page, and some fields', async () => {
    await register([
      { id: 'l-1', group: 'list', name: 'c', attributes: { model: 'x' } },
      { id: 'l-2', group: 'list', name: 'a', attributes: { model: 'y' } },
      { id: 'l-3', group: 'list', name: 'b', attributes: { model: 'x' } },
    ]);
    const where = encodeURIComponent('group==list;controllerAttributes.model==x');
    const { body } = await server.call(
      'GET',
      `/api/v1/devices?where=${where}&sort=-name&limit=1&fields=name,attributes`,
    );
    expect(body).toEqual({
      items: [{ id: 'l-1', name: 'c', attributes: { model: 'x' } }],
      total: 2,
      next: expect.any(String),
    });
    const next = await server.call(
      'GET',
      `/api/v1/devices?where=${where}&sort=-name&limit=1&fields=name&cursor=${body.next}`,
    );
    expect(next.body).toEqual({ items: [{ id: 'l-3', name: 'b' }], total: 2, next: null });
  });

  test.each([
    'where=colour==red',
    'where=name=',
    'sort=colour',
    'limit=1001',
    'limit=-1',
    'fields=id,colour',
    'cursor=abc',
    'page=2',
  ])('refuses %s', async (query) => {
    expect((await server.call('GET', `/api/v1/devices?${query}`)).status).toBe(400);
  });

  test('a cursor of another order is refused', async () => {
    const { body } = await server.call('GET', '/api/v1/devices?limit=1');
    expect(body.next).not.toBeNull();
    expect((await server.call('GET', `/api/v1/devices?limit=1&sort=name&cursor=${body.next}`)).status).toBe(400);
  });

  test('pages hold every device that stays exactly once, while others come and go', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...DEVICE_SORTS.filter((sort) => sort !== 'lastSeenAt')),
        fc.boolean(),
        fc.integer({ min: 1, max: 4 }),
        fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 99 }), fc.boolean()), { maxLength: 12 }),
        async (sort, isDescending, limit, first, changes) => {
          const prefix = `walk${run++}`;
          const make = (n: number) => ({ id: `${prefix}-${n}`, group: `${prefix}-${n % 3}`, name: `n${n % 5}` });
          await register(first.map(make));
          const stays = new Set(first);
          const seen: string[] = [];
          let next: string | null = '';
          for (let step = 0; next !== null; step++) {
            const query = new URLSearchParams({
              where: `controllerId==${prefix}-*`,
              sort: `${isDescending ? '-' : ''}${sort}`,
              limit: String(limit),
            });
            if (next !== '') query.set('cursor', next);
            const { body } = await server.call('GET', `/api/v1/devices?${query}`);
            seen.push(...body.items.map(({ id }: { id: string }) => id));
            next = body.next;
            const [n, comes] = changes[step] ?? [];
            if (n === undefined) continue;
            if (comes) await register(make(n), '?update=true');
            else {
              await server.call('DELETE', `/api/v1/devices/${prefix}-${n}`);
              stays.delete(n);
            }
          }
          expect(new Set(seen).size).toBe(seen.length);
          expect(seen).toEqual(expect.arrayContaining([...stays].map((n) => `${prefix}-${n}`)));
        },
      ),
      { numRuns: 12 },
    );
  });
});
