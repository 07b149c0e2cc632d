import { describe, expect, test } from 'vitest';
import { tokenHash } from '../../../../src/lib/server/access/token.js';
import {
  type CreateDevicesOptions,
  createDevices,
  type NewDevice,
} from '../../../../src/lib/server/devices/create-devices.js';
import { startTestServer, type TestServer } from '../server-fixture.js';

const OPTIONS: CreateDevicesOptions = { tenantId: 1, createdBy: 'ann', now: 1_000, existing: 'keep' };

function create(server: TestServer, devices: NewDevice[], options: Partial<CreateDevicesOptions> = {}) {
  const { database, events } = server.running.context;
  return database.transaction(async (tx) => {
    const made = await createDevices(tx, devices, { ...OPTIONS, ...options });
    await events.append(tx, made.events);
    return made;
  });
}

describe('createDevices', () => {
  test('makes ten thousand devices with attributes, metadata and tags in one transaction', async () => {
    const server = await startTestServer();
    const devices = Array.from({ length: 10_000 }, (_, index) => ({
      controllerId: `car-${index}`,
      attributes: { model: index % 2 === 0 ? 'x' : 'y', vin: `V${index}`, 'ota.main.sha256': 'ab' },
      metadata: { site: 'north' },
      tags: index % 10 === 0 ? ['fleet', 'canary', 'fleet'] : ['fleet'],
    }));
    const { created, existing } = await create(server, devices);
    expect(created.map(({ controllerId }) => controllerId)).toEqual(devices.map(({ controllerId }) => controllerId));
    expect(existing).toEqual([]);
    const { sql } = server.running.context.database;
    const count = async (table: 'device' | 'device_attribute' | 'device_metadata' | 'device_tag' | 'event' | 'tag') =>
      (await sql.selectFrom(table).select(sql.fn.countAll<number>().as('n')).executeTakeFirstOrThrow()).n;
    expect(await count('device')).toBe(10_000);
    expect(await count('device_attribute')).toBe(30_000);
    expect(await count('device_metadata')).toBe(10_000);
    expect(await count('device_tag')).toBe(11_000);
    expect(await count('tag')).toBe(2);
    expect(await count('event')).toBe(10_000);
    const last = await sql.selectFrom('event').selectAll().orderBy('seq', 'desc').limit(1).executeTakeFirstOrThrow();
    expect(last).toMatchObject({ type: 'status', device: 'car-9999', time: 1_000, body: '{"event":"registered"}' });
    const vin = await sql
      .selectFrom('device_attribute')
      .innerJoin('device', 'device.id', 'device_id')
      .select('value')
      .where('controller_id', '=', 'car-4711')
      .where('device_attribute.name', '=', 'vin')
      .executeTakeFirstOrThrow();
    expect(vin.value).toBe('V4711');
  });

  test('keeps tokens as hashes only: given ones, generated ones, and none', async () => {
    const server = await startTestServer();
    const { created } = await create(server, [
      { controllerId: 'given', securityToken: 'abcdefgh' },
      { controllerId: 'generated' },
      { controllerId: 'none', securityToken: null },
    ]);
    expect(created.map(({ securityToken }) => securityToken)).toEqual([
      'abcdefgh',
      expect.stringMatching(/^[0-9a-f]{64}$/),
      undefined,
    ]);
    const rows = await server.running.context.database.sql
      .selectFrom('device')
      .select(['controller_id', 'token_hash'])
      .execute();
    expect(Object.fromEntries(rows.map(({ controller_id, token_hash }) => [controller_id, token_hash]))).toEqual({
      given: tokenHash('abcdefgh'),
      generated: tokenHash(created[1]!.securityToken!),
      none: null,
    });
  });

  test('leaves devices that are known as they are, or makes none at all', async () => {
    const server = await startTestServer();
    await create(server, [{ controllerId: 'a', name: 'first', tags: ['x'] }]);
    const kept = await create(server, [
      { controllerId: 'b' },
      { controllerId: 'a', name: 'second', attributes: { k: 'v' }, tags: ['y'] },
      { controllerId: 'b', name: 'again' },
    ]);
    expect(kept.created.map(({ controllerId }) => controllerId)).toEqual(['b']);
    expect([...kept.existing].sort()).toEqual(['a', 'b']);
    await expect(
      create(server, [{ controllerId: 'c' }, { controllerId: 'a' }], { existing: 'refuse' }),
    ).rejects.toThrow('there is a device "a" already');
    await expect(
      create(server, [{ controllerId: 'd' }, { controllerId: 'd' }], { existing: 'refuse' }),
    ).rejects.toThrow('there is a device "d" already');
    const { sql } = server.running.context.database;
    const rows = await sql.selectFrom('device').select(['controller_id', 'name']).orderBy('id').execute();
    expect(rows).toEqual([
      { controller_id: 'a', name: 'first' },
      { controller_id: 'b', name: 'b' },
    ]);
    expect(await sql.selectFrom('device_attribute').selectAll().execute()).toEqual([]);
    expect(await sql.selectFrom('tag').select('name').execute()).toEqual([{ name: 'x' }]);
    expect(await sql.selectFrom('event').select('device').execute()).toEqual([{ device: 'a' }, { device: 'b' }]);
  });

  test('knows the devices of tenants apart', async () => {
    const server = await startTestServer();
    await create(server, [{ controllerId: 'a' }]);
    const other = await create(server, [{ controllerId: 'a' }], { tenantId: 2, existing: 'refuse' });
    expect(other.created).toHaveLength(1);
  });
});
