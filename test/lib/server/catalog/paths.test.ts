import { beforeAll, describe, expect, test } from 'vitest';
import { checkSchema } from '../../../../src/lib/core/schema.js';
import { pathAnswer, type RollbackAnswer, rollbackAnswer } from '../../../../src/lib/wire/catalog.js';
import { type Fleet, testFleet } from '../actions/software-fixture.js';
import { testDevice } from '../ddi/ddi-fixture.js';
import { OTHER_TENANT, startTestServer, type TestServer } from '../server-fixture.js';
import { imageSha256, publish, releasePackage, trustRootOf } from './catalogue-fixture.js';

let server: TestServer;
let fleet: Fleet;
const digests = new Map<string, string>();
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
  fleet = await testFleet(server.running.context);
  await trustRootOf(server);
  const rollback = { rollback: { allowed: true } };
  const releases: [string, Parameters<typeof releasePackage>[1]][] = [
    ['1.0.0', { sequence: 100 }],
    ['1.1.0', { sequence: 110, from: ['1.0.0'], full: false }],
    ['1.2.0', { sequence: 120, from: ['1.1.0'], full: false }],
  ];
  for (const [version, release] of releases) {
    const { status, body } = await publish(server, await releasePackage(version, release, rollback), '&channel=stable');
    if (status !== 201) throw new Error(JSON.stringify(body));
    digests.set(version, body.release.digest);
  }
  return () => server.stop();
});

const sql = () => server.running.context.database.sql;
const path = (query: string, tenant?: string) =>
  server.call('GET', `/api/v1/paths?${query}`, { as: 'viewer', ...(tenant && { tenant }) });

/** A device with attributes, and a release that the server has seen installed. */
async function device(name: string, attributes: Record<string, string>, installed: string[] = []): Promise<number> {
  const [id] = await fleet.devices(name);
  const texts = Object.entries(attributes).map(([key, value]) => {
    return { device_id: id!, tenant_id: fleet.tenantId, name: key, value };
  });
  if (texts.length > 0) await sql().insertInto('device_attribute').values(texts).execute();
  for (const version of installed) {
    const { set_id } = await sql()
      .selectFrom('release')
      .select('set_id')
      .where('digest', '=', digests.get(version)!)
      .executeTakeFirstOrThrow();
    await sql()
      .insertInto('action')
      .values({
        ...{ tenant_id: fleet.tenantId, device_id: id!, set_id, type: 'forced', status: 'finished', is_active: 0 },
        ...{ created_at: 0, created_by: 'test', updated_at: 0 },
      })
      .execute();
    await sql().updateTable('device').set({ installed_set_id: set_id }).where('id', '=', id!).execute();
  }
  return id!;
}

const told = (version: string) => ({ product: 'meter', model: 'M100', 'ota.app.sha256': imageSha256(version) });

describe('the way to a release', () => {
  test('goes from delta to delta, to the newest of a channel or a version', async () => {
    const { status, body } = await path('product=meter&from=1.0.0');
    expect(status).toBe(200);
    expect(checkSchema(pathAnswer, body, { code: 'USAGE', name: 'answer' })).toMatchObject({
      ...{ product: 'meter', asked: { from: '1.0.0', to: 'channel:stable' }, assumed: [] },
      path: {
        outcome: 'found',
        to: { version: '1.2.0' },
        steps: [
          { release: { version: '1.1.0' }, kind: 'delta', reason: { kind: 'required' } },
          { release: { version: '1.2.0' }, kind: 'delta', reason: { kind: 'target' } },
        ],
      },
    });
    const short = await path(`from=${digests.get('1.1.0')!.slice(0, 12)}&to=1.2.0`);
    expect(short.body.path.steps).toMatchObject([{ release: { version: '1.2.0' } }]);
  });

  test('of a device begins where its images are, whatever the server has seen', async () => {
    await device('tells', told('1.1.0'), ['1.0.0']);
    const { body } = await path('from=device:tells&to=channel:stable');
    expect(body).toMatchObject({
      assumed: ['running', 'securityCounter'],
      path: { outcome: 'found', from: { version: '1.1.0' }, steps: [{ release: { version: '1.2.0' } }] },
    });
  });

  test('of a silent device begins where the server has seen it', async () => {
    await device('silent', {}, ['1.0.0']);
    expect((await path('from=device:silent')).body).toMatchObject({
      product: 'meter',
      assumed: ['product', 'model', 'running', 'components', 'securityCounter'],
      path: { from: { version: '1.0.0' }, steps: [{}, {}] },
    });
  });

  test('is blocked for a model that no release is for, and for images that no delta applies to', async () => {
    await device('other-model', { ...told('1.1.0'), model: 'M900' });
    expect((await path('from=device:other-model')).body.path).toMatchObject({
      outcome: 'no-head',
      passedOver: [{ refusals: [{ code: 'MODEL_INCOMPATIBLE', device: ['M900'] }] }, {}, {}],
    });
    await device('strange-image', { ...told('1.0.0'), 'ota.app.sha256': 'ab'.repeat(32), 'ota.memoryBytes': '1' });
    expect((await path('from=device:strange-image&to=1.2.0')).body.path).toMatchObject({
      outcome: 'blocked',
      obstacles: [{ refusals: [{ code: 'BASE_MISMATCH' }] }, { refusals: [{ code: 'BASE_MISMATCH' }] }, {}],
    });
  });

  test('that is asked for wrongly is a failure', async () => {
    await device('knows-nothing', { product: 'meter' });
    expect(await path('product=meter&from=9.9.9')).toMatchObject({ status: 404 });
    expect(await path('product=meter&from=1.0.0&to=channel:gamma')).toMatchObject({ status: 404 });
    expect(await path('product=kettle&from=1.0.0')).toMatchObject({ status: 404 });
    expect(await path('from=device:nobody')).toMatchObject({ status: 404 });
    expect(await path('from=device:knows-nothing')).toMatchObject({ status: 404 });
    expect(await path('product=meter&from=1.0.0', OTHER_TENANT)).toMatchObject({ status: 404 });
    expect(await path('from=device:tells', OTHER_TENANT)).toMatchObject({ status: 404 });
  });
});

describe('what a device would go back to', () => {
  const rollback = async (id: string): Promise<RollbackAnswer> => {
    const { status, body } = await server.call('GET', `/api/v1/devices/${id}/rollback-target`, { as: 'viewer' });
    expect(status).toBe(200);
    return checkSchema(rollbackAnswer, body, { code: 'USAGE', name: 'answer' });
  };

  test('is the newest that it ran, verifies and still lies in a slot', async () => {
    await device('returns', { ...told('1.2.0'), 'ota.app.spares': imageSha256('1.1.0') }, ['1.0.0', '1.1.0', '1.2.0']);
    expect(await rollback('returns')).toMatchObject({
      ...{ running: { version: '1.2.0' }, target: digests.get('1.1.0'), certain: true },
      candidates: [
        { release: { version: '1.1.0' }, outcome: 'passed', storage: { outcome: 'passed', kept: ['app'] } },
        // Its full image can be fetched, but it is older.
        {
          release: { version: '1.0.0' },
          outcome: 'passed',
          storage: { fetched: [{ component: 'app', kind: 'full' }] },
        },
      ],
    });
  });

  test('is none where it never ran another, or its image can be had nowhere', async () => {
    await device('one-release', told('1.2.0'), ['1.2.0']);
    const { target, candidates } = await rollback('one-release');
    expect(target).toBeNull();
    expect(candidates[0]).toMatchObject({
      outcome: 'refused',
      continuity: { refusals: [{ code: 'ROLLBACK_FORBIDDEN', why: 'never-ran' }] },
    });
    await device('empty-slot', { ...told('1.2.0'), 'ota.app.spares': 'ab'.repeat(32) }, ['1.1.0', '1.2.0']);
    expect((await rollback('empty-slot')).candidates[0]).toMatchObject({
      release: { version: '1.1.0' },
      continuity: { outcome: 'passed' },
      storage: { outcome: 'refused', refusals: [{ code: 'BASE_MISMATCH' }] },
    });
  });

  test('is not what was withdrawn meanwhile', async () => {
    await device('yanked-before', { ...told('1.2.0'), 'ota.app.spares': imageSha256('1.1.0') }, ['1.1.0', '1.2.0']);
    const at = `/api/v1/releases/${digests.get('1.1.0')}`;
    await server.call('POST', `${at}/yank`, { body: { reason: 'leaks' } });
    expect(await rollback('yanked-before')).toMatchObject({
      target: null,
      candidates: [{ continuity: { refusals: [{ code: 'YANKED', reason: 'leaks' }] } }, {}],
    });
    await server.call('POST', `${at}/unyank`);
  });

  test('knows the images that a device told of while it ran a release of the catalogue', async () => {
    const remembers = await testDevice(server, fleet, 'remembers');
    const tell = (data: Record<string, string>) =>
      remembers.call('PUT', 'configData', { body: { mode: 'replace', data } });
    // The radio is none of the package, so only the device can say what it was.
    await tell({ ...told('1.1.0'), 'ota.digest': digests.get('1.1.0')!, 'ota.radio.sha256': 'ab'.repeat(32) });
    await tell({ ...told('1.1.0'), 'ota.digest': 'ef'.repeat(32) });
    await tell({ ...told('1.2.0'), 'ota.radio.sha256': 'cd'.repeat(32) });
    const { id } = remembers;
    const rows = await sql()
      .selectFrom('device_release')
      .select(['digest', 'images'])
      .where('device_id', '=', id)
      .execute();
    expect(rows).toEqual([
      { digest: digests.get('1.1.0'), images: JSON.stringify({ app: imageSha256('1.1.0'), radio: 'ab'.repeat(32) }) },
    ]);
    const { candidates } = await rollback('remembers');
    expect(candidates[0]).toMatchObject({
      release: { version: '1.1.0' },
      continuity: { outcome: 'passed' },
      storage: { refusals: expect.arrayContaining([{ code: 'NO_IMAGE', components: ['radio'] }]) },
    });
  });

  test('is asked by those alone who may see the device', async () => {
    const to = '/api/v1/devices/returns/rollback-target';
    expect(await server.call('GET', to, { tenant: OTHER_TENANT })).toMatchObject({ status: 404 });
    expect(await server.call('GET', to, { as: null })).toMatchObject({ status: 401 });
  });
});
