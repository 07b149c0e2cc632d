import { hash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkSchema } from '../../../../src/lib/core/schema.js';
import {
  DDI_MAX_ATTRIBUTES,
  DDI_MAX_BODY_BYTES,
  ddiCancelAction,
  ddiConfirmationBase,
  ddiDeploymentBase,
} from '../../../../src/lib/wire/ddi.js';
import { fullPayload } from '../../../support/packages.js';
import { type Fleet, testFleet, tokenOf } from '../actions/software-fixture.js';
import { deltaPayload, packed, trustTestRoot, upload } from '../artifacts/upload-fixture.js';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { assign, historyOf, type TestDevice, testDevice } from './ddi-fixture.js';

let server: TestServer;
let fleet: Fleet;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
  fleet = await testFleet(server.running.context);
  await trustTestRoot(server.running.context, fleet.tenantId);
  return () => server.stop();
});

const sql = () => server.running.context.database.sql;
const target = randomBytes(20_000);
const bases = [randomBytes(9000), randomBytes(9001)] as const;
const [oldest, newer] = bases.map((base) => hash('sha256', base)) as [string, string];

/** A set with a package of two deltas, and the full image unless said otherwise. */
async function updateSet(version: string, { hasFull = true } = {}) {
  const made = await fleet.set(version);
  const deltas = bases.map((base, index) => deltaPayload(randomBytes(300 + index), { base, target }));
  const bytes = await packed([...deltas, ...(hasFull ? [fullPayload(target)] : [])], { version });
  const { moduleId } = made;
  const artifact = await upload(server.running.context, bytes, {
    tenantId: fleet.tenantId,
    moduleId,
    filename: 'm.ota',
  });
  return { ...made, artifact, bytes };
}

async function deploymentOf(device: TestDevice, actionId: number) {
  const { status, body } = await device.call('GET', `deploymentBase/${actionId}`);
  expect(status).toBe(200);
  return checkSchema(ddiDeploymentBase, body, { code: 'MESSAGE_INVALID', name: 'deployment' });
}

const report = (attributes: Record<string, string>, mode = 'merge') => ({ body: { mode, data: attributes } });
const auditOf = async (action: string) =>
  (await sql().selectFrom('audit').select(['actor', 'object']).where('action', '=', action).execute()).map(
    ({ actor, object }) => `${actor} ${object}`,
  );

describe('a whole update', () => {
  test('from poll to poll: attributes, deployment, download, progress, success', async () => {
    const device = await testDevice(server, fleet, 'whole');
    expect(await device.call('GET')).toMatchObject({
      status: 200,
      body: { config: { polling: { sleep: '00:05:00' } } },
    });
    expect(await device.poll()).toEqual({ configData: 'configData' });
    expect(await device.call('PUT', 'configData', report({ 'ota.app.sha256': newer }))).toMatchObject({ status: 200 });
    expect(await device.poll()).toEqual({});

    const { setId, moduleId } = await updateSet('1.0.0');
    const actionId = await assign(server, fleet, device.id, { setId });
    expect(await device.poll()).toEqual({ deploymentBase: `deploymentBase/${actionId}` });
    const { id, deployment } = await deploymentOf(device, actionId);
    expect({ id, ...deployment }).toMatchObject({ id: String(actionId), download: 'forced', update: 'forced' });
    const [chunk] = deployment.chunks;
    expect(chunk).toMatchObject({ part: 'os', name: 'firmware', version: '1.0.0' });
    const [artifact, ...others] = chunk!.artifacts;
    expect(others).toEqual([]);
    expect(artifact!.filename).toBe(`m.${newer.slice(0, 8)}.ota`);

    const link = artifact!._links['download-http']!.href;
    expect(link).toBe(
      `${server.url}/DEFAULT/controller/v1/whole/softwaremodules/${moduleId}/artifacts/${artifact!.filename}`,
    );
    const thin = await downloaded(link, 'whole');
    expect([thin.length, hash('sha256', thin), hash('sha1', thin)]).toEqual([
      artifact!.size,
      artifact!.hashes.sha256,
      artifact!.hashes.sha1,
    ]);
    const summed = await device.call('GET', artifact!._links['md5sum-http']!.href);
    expect(summed.body).toBe(`${artifact!.hashes.md5}  ${artifact!.filename}`);

    for (const step of ['download', 'downloaded', 'proceeding']) {
      expect(await device.feedback(`deploymentBase/${actionId}`, step)).toMatchObject({ status: 200 });
    }
    expect(await device.feedback(`deploymentBase/${actionId}`, 'closed', 'success', ['rebooted'])).toMatchObject({
      status: 200,
    });
    expect(await device.state()).toEqual({ assigned: setId, installed: setId, status: 'in_sync' });
    expect(await historyOf(server, actionId)).toEqual([
      ['running', 'alice assigned it.'],
      ['retrieved', 'The device has read it.', expect.stringContaining(`m.ota: offered for base ${newer.slice(0, 8)}`)],
      ['download', 'The device reports download.'],
      ['downloaded', 'The device reports downloaded.'],
      ['running', 'The device reports proceeding.'],
      ['finished', 'rebooted'],
    ]);
    expect(await device.poll()).toEqual({ installedBase: `installedBase/${actionId}` });
    expect((await device.call('GET', `installedBase/${actionId}?actionHistory=1`)).body).toMatchObject({
      id: String(actionId),
      actionHistory: { status: 'FINISHED', messages: ['rebooted'] },
    });
    // It has ended: nothing more is taken, and nothing changes.
    expect(await device.feedback(`deploymentBase/${actionId}`, 'closed', 'failure')).toMatchObject({ status: 410 });
    expect(await device.call('GET', `deploymentBase/${actionId}`)).toMatchObject({ status: 410 });
    expect(await device.state()).toMatchObject({ status: 'in_sync' });
  });

  test('as the real SWUpdate reports it: numeric ids, its own time, a media type on a GET', async () => {
    const device = await testDevice(server, fleet, 'swupdate');
    const { setId } = await fleet.set('1.1.0');
    const actionId = await assign(server, fleet, device.id, { setId });
    const headers = { 'content-type': 'application/json;charset=UTF-8' };
    expect(await device.call('GET', `deploymentBase/${actionId}`, { headers })).toMatchObject({ status: 200 });
    const body = {
      id: actionId,
      time: '20261121T212206',
      status: { result: { finished: 'success' }, execution: 'closed', details: ['ok'] },
    };
    expect(await device.call('POST', `deploymentBase/${actionId}/feedback`, { body })).toMatchObject({ status: 200 });
    expect(await device.state()).toMatchObject({ status: 'in_sync' });
    const last = await sql()
      .selectFrom('action_status')
      .select('occurred_at')
      .where('action_id', '=', actionId)
      .orderBy('id', 'desc')
      .executeTakeFirstOrThrow();
    expect(last.occurred_at).toBe(Date.parse('2026-11-21T21:22:06Z'));
  });
});

describe('what a device is offered', () => {
  const offered = async (device: TestDevice, setId: number) => {
    const actionId = await assign(server, fleet, device.id, { setId });
    const { deployment } = await deploymentOf(device, actionId);
    const said = (await historyOf(server, actionId)).find(([status]) => status === 'retrieved')![2];
    return { file: deployment.chunks[0]!.artifacts[0]!.filename, said, actionId };
  };

  test('is by what it reports before what the server has installed', async () => {
    const device = await testDevice(server, fleet, 'chooses');
    const installed = await fleet.set('2.0.0');
    await sql()
      .insertInto('artifact')
      .values({
        ...{
          tenant_id: fleet.tenantId,
          module_id: installed.moduleId,
          filename: 'old.ota',
          size: 1,
          md5: '',
          sha1: '',
        },
        ...{ sha256: '', format: 'ota', verification: 'verified', targets: JSON.stringify({ app: oldest }) },
        ...{ created_at: 1, created_by: 'test' },
      })
      .execute();
    await sql().updateTable('device').set({ installed_set_id: installed.setId }).where('id', '=', device.id).execute();
    const first = await updateSet('2.0.1');
    expect(await offered(device, first.setId)).toMatchObject({ file: `m.${oldest.slice(0, 8)}.ota` });
    await device.call('PUT', 'configData', report({ 'ota.app.sha256': newer }));
    const second = await updateSet('2.0.2');
    await sql().updateTable('action').set({ is_active: 0 }).where('device_id', '=', device.id).execute();
    expect(await offered(device, second.setId)).toMatchObject({ file: `m.${newer.slice(0, 8)}.ota` });
  });

  test('is the full image where no base fits, and says so', async () => {
    const device = await testDevice(server, fleet, 'full');
    await device.call('PUT', 'configData', report({ 'ota.app.sha256': 'f'.repeat(64) }));
    const { setId } = await updateSet('2.1.0');
    expect(await offered(device, setId)).toMatchObject({
      file: 'm.full.ota',
      said: expect.stringContaining('no delta fits (app runs ffffffff as it reports, deltas exist from'),
    });
  });

  test('is nothing where there is no full image either: the action fails and says why', async () => {
    const device = await testDevice(server, fleet, 'nothing');
    const { setId } = await updateSet('2.2.0', { hasFull: false });
    const actionId = await assign(server, fleet, device.id, { setId });
    expect(await device.call('GET', `deploymentBase/${actionId}`)).toMatchObject({ status: 410 });
    const why = 'm.ota: no delta fits (what app runs is not known';
    expect((await historyOf(server, actionId)).at(-1)).toEqual(['error', expect.stringContaining(why)]);
    expect(await device.state()).toEqual({ assigned: null, installed: null, status: 'error' });
    expect(await device.poll()).toEqual({ configData: 'configData' });
  });

  test('is nothing of a set that was invalidated; the job then ends what nobody has begun', async () => {
    const device = await testDevice(server, fleet, 'withdrawn');
    const { setId, moduleId } = await fleet.set('2.3.0');
    const actionId = await assign(server, fleet, device.id, { setId });
    await sql().updateTable('distribution_set').set({ invalidated_at: 1 }).where('id', '=', setId).execute();
    expect(await device.poll()).toEqual({ configData: 'configData' });
    expect(await device.call('GET', `deploymentBase/${actionId}`)).toMatchObject({ status: 410 });
    expect(await device.call('GET', `softwaremodules/${moduleId}/artifacts`)).toMatchObject({ status: 404 });
    await server.running.runJobs();
    expect((await historyOf(server, actionId)).at(-1)).toEqual([
      'canceled',
      'server cancelled it without asking the device.',
      'The set was withdrawn.',
    ]);
  });

  test.each([
    [{ type: 'forced' }, 'forced', 'forced'],
    [{ type: 'soft' }, 'attempt', 'attempt'],
    [{ type: 'downloadonly' }, 'forced', 'skip'],
    [{ type: 'timeforced', forcedAt: Date.parse('2030-01-01T00:00:00Z') }, 'attempt', 'attempt'],
    [{ type: 'timeforced', forcedAt: Date.parse('2020-01-01T00:00:00Z') }, 'forced', 'forced'],
  ] as const)('follows the type %j', async (kind, download, update) => {
    const device = await testDevice(server, fleet, `type-${Object.values(kind).join('-')}`);
    const actionId = await assign(server, fleet, device.id, { ...(await fleet.set('2.4.0')), ...kind });
    expect((await deploymentOf(device, actionId)).deployment).toMatchObject({ download, update });
  });

  test.each([
    ['0 0 6 ? * MON', '01:00:00', '+00:00', 'available'],
    ['0 0 6 ? * TUE', '01:00:00', '+00:00', 'unavailable'],
    ['0 0 7 ? * *', '00:30:00', '+01:00', 'available'],
  ] as const)('waits for the maintenance window %s for %s at %s', async (schedule, duration, timezone, window) => {
    const own = await startTestServer(); // Its clock stands on a Monday at six.
    const ownFleet = await testFleet(own.running.context);
    const device = await testDevice(own, ownFleet, 'window');
    const maintenance = { schedule, duration, timezone };
    const actionId = await assign(own, ownFleet, device.id, { ...(await ownFleet.set('1.0.0')), maintenance });
    expect((await device.call('GET', `deploymentBase/${actionId}`)).body.deployment).toMatchObject({
      download: 'forced',
      update: window === 'available' ? 'forced' : 'skip',
      maintenanceWindow: window,
    });
  });
});

describe('cancelling', () => {
  test.each([
    ['closed', 'success', 'canceled'],
    ['canceled', 'success', 'canceled'],
    ['rejected', 'none', 'running'],
  ])('counts as the device answers: %s', async (execution, finished, status) => {
    const device = await testDevice(server, fleet, `cancel-${execution}`);
    const first = await assign(server, fleet, device.id, { ...(await fleet.set('3.0.0')) });
    await deploymentOf(device, first);
    const second = await assign(server, fleet, device.id, { ...(await fleet.set('3.0.1')) });
    expect(await device.poll()).toMatchObject({ cancelAction: `cancelAction/${first}` });
    expect(await device.poll()).not.toHaveProperty('deploymentBase');
    const { body } = await device.call('GET', `cancelAction/${first}`);
    expect(checkSchema(ddiCancelAction, body, { code: 'MESSAGE_INVALID', name: 'cancel' }).cancelAction.stopId).toBe(
      String(first),
    );
    expect(await device.call('GET', `cancelAction/${second}`)).toMatchObject({ status: 404 });
    expect(await device.feedback(`cancelAction/${first}`, execution, finished)).toMatchObject({ status: 200 });
    const { status: got } = await sql()
      .selectFrom('action')
      .select('status')
      .where('id', '=', first)
      .executeTakeFirstOrThrow();
    expect(got).toBe(status);
    expect(await device.poll()).toMatchObject({
      deploymentBase: `deploymentBase/${status === 'canceled' ? second : first}`,
    });
  });
});

describe('confirmation', () => {
  test('is waited for, denied, given, and given for good', async () => {
    const device = await testDevice(server, fleet, 'confirms');
    const options = { confirmationRequired: true };
    const first = await assign(server, fleet, device.id, { ...(await fleet.set('4.0.0')), ...options });
    expect(await device.poll()).toMatchObject({ confirmationBase: `confirmationBase/${first}` });
    const { body } = await device.call('GET', `confirmationBase/${first}`);
    expect(
      checkSchema(ddiConfirmationBase, body, { code: 'MESSAGE_INVALID', name: 'c' }).confirmation.chunks,
    ).toHaveLength(1);
    expect(await device.call('GET', `deploymentBase/${first}`)).toMatchObject({ status: 404 });
    expect(await device.feedback(`deploymentBase/${first}`, 'closed', 'success')).toMatchObject({ status: 404 });

    const says = (confirmation: string) =>
      device.call('POST', `confirmationBase/${first}/feedback`, { body: { confirmation, details: ['the driver'] } });
    expect(await says('denied')).toMatchObject({ status: 200 });
    expect(await device.poll()).toMatchObject({ confirmationBase: `confirmationBase/${first}` });
    expect(await says('confirmed')).toMatchObject({ status: 200 });
    expect(await device.poll()).toMatchObject({ deploymentBase: `deploymentBase/${first}` });
    expect(await says('confirmed')).toMatchObject({ status: 404 });
    await device.feedback(`deploymentBase/${first}`, 'closed', 'success');

    const second = await assign(server, fleet, device.id, { ...(await fleet.set('4.0.1')), ...options });
    expect((await device.call('GET', 'confirmationBase')).body).toMatchObject({
      autoConfirm: { active: false },
      _links: { confirmationBase: { href: expect.stringContaining(String(second)) } },
    });
    expect(await device.call('POST', 'confirmationBase/activateAutoConfirm')).toMatchObject({ status: 200 });
    expect(await device.poll()).toMatchObject({ deploymentBase: `deploymentBase/${second}` });
    await device.call('POST', 'confirmationBase/deactivateAutoConfirm', { body: { initiator: 'me' } });
    expect((await device.call('GET', 'confirmationBase')).body.autoConfirm).toEqual({ active: false });
  });
});

describe('what a device tells of itself', () => {
  test('is merged, replaced and removed, within its quota', async () => {
    const device = await testDevice(server, fleet, 'tells');
    const known = async () =>
      Object.fromEntries(
        (
          await sql()
            .selectFrom('device_attribute')
            .select(['name', 'value'])
            .where('device_id', '=', device.id)
            .execute()
        ).map(({ name, value }) => [name, value]),
      );
    await device.call('PUT', 'configData', report({ a: '1', b: '2' }));
    await device.call('PUT', 'configData', report({ b: '3' }));
    expect(await known()).toEqual({ a: '1', b: '3' });
    await device.call('PUT', 'configData', report({ a: '' }, 'remove'));
    expect(await known()).toEqual({ b: '3' });
    const most = Object.fromEntries(Array.from({ length: DDI_MAX_ATTRIBUTES }, (_, index) => [`k${index}`, 'v']));
    expect(await device.call('PUT', 'configData', report(most))).toMatchObject({ status: 429 });
    expect(await known()).toEqual({ b: '3' });
    await device.call('PUT', 'configData', report({ c: '4' }, 'replace'));
    expect(await known()).toEqual({ c: '4' });
  });

  test('is the set that it came with', async () => {
    const device = await testDevice(server, fleet, 'came-with');
    const { setId } = await fleet.set('5.0.0');
    const body = { name: 'firmware', version: '5.0.0' };
    expect(await device.call('PUT', 'installedBase', { body })).toMatchObject({ status: 200 });
    expect(await device.state()).toEqual({ assigned: setId, installed: setId, status: 'in_sync' });
    const other = { body: { name: 'firmware', version: '5.0.9' } };
    expect(await device.call('PUT', 'installedBase', other)).toMatchObject({ status: 404 });
    expect(await device.state()).toEqual({ assigned: setId, installed: setId, status: 'in_sync' });
  });
});

describe('a download', () => {
  let device: TestDevice;
  let path: string;
  let bytes: Buffer;
  let sha256: string;
  beforeAll(async () => {
    device = await testDevice(server, fleet, 'downloads');
    const { setId, moduleId, artifact, bytes: packageBytes } = await updateSet('6.0.0');
    await assign(server, fleet, device.id, { setId });
    ({ sha256 } = artifact);
    bytes = packageBytes;
    path = `softwaremodules/${moduleId}/artifacts/m.ota`;
  });
  const get = (headers: Record<string, string> = {}, method = 'GET') =>
    fetch(`${server.url}/DEFAULT/controller/v1/downloads/${path}`, {
      method,
      headers: { ...headers, authorization: `TargetToken ${tokenOf('downloads')}` },
    });

  test('is the whole file, or its head, with what proves it', async () => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await get({}, method);
      expect(answer.status).toBe(200);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'accept-ranges': 'bytes',
        'content-length': String(bytes.length),
        etag: `"${sha256}"`,
        'repr-digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`,
      });
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(method === 'GET' ? bytes : Buffer.alloc(0));
    }
  });

  test.each([
    ['bytes=0-9', 0, 10],
    ['bytes=1000-', 1000, undefined],
    ['bytes=-7', -7, undefined],
  ])('can be a part: %s', async (range, from, to) => {
    const answer = await get({ range });
    const part = bytes.subarray(from, to);
    expect(answer.status).toBe(206);
    const start = from < 0 ? bytes.length + from : from;
    expect(answer.headers.get('content-range')).toBe(`bytes ${start}-${start + part.length - 1}/${bytes.length}`);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(part);
  });

  test('is whole where the device has begun with another file, nothing where it has it, and 416 behind its end', async () => {
    expect((await get({ range: 'bytes=5-', 'if-range': `"${sha256}"` })).status).toBe(206);
    expect((await get({ range: 'bytes=5-', 'if-range': '"other"' })).status).toBe(200);
    expect((await get({ 'if-none-match': `"${sha256}"` })).status).toBe(304);
    const behind = await get({ range: `bytes=${bytes.length}-` });
    expect([behind.status, behind.headers.get('content-range')]).toEqual([416, `bytes */${bytes.length}`]);
  });

  test('is for devices that the module was assigned to, and lists what there is', async () => {
    const list = await device.call('GET', path.replace('/m.ota', ''));
    expect(list.body).toMatchObject([{ filename: 'm.ota', size: bytes.length, hashes: { sha256 } }]);
    const other = await testDevice(server, fleet, 'downloads-nothing');
    for (const wanted of [path, path.replace('/m.ota', '')]) {
      expect(await other.call('GET', wanted)).toMatchObject({ status: 404 });
    }
    expect(await device.call('GET', path.replace('m.ota', 'n.ota'))).toMatchObject({ status: 404 });
    expect(await device.call('GET', path.replace('m.ota', '..%2fm.ota'))).toMatchObject({ status: 404 });
  });
});

describe('refusals', () => {
  test('a device reads or reports as another: nothing is there, it is audited, and nothing changes (row 52)', async () => {
    const [mine, other] = [await testDevice(server, fleet, 'mine'), await testDevice(server, fleet, 'other')];
    const actionId = await assign(server, fleet, other.id, { ...(await fleet.set('7.0.0')) });
    const before = await other.state();
    const authorization = `TargetToken ${tokenOf('mine')}`;
    const path = '/DEFAULT/controller/v1/other';
    for (const [method, rest] of [
      ['GET', ''],
      ['GET', `/deploymentBase/${actionId}`],
      ['POST', `/deploymentBase/${actionId}/feedback`],
    ] as const) {
      const body = method === 'POST' ? { status: { execution: 'closed', result: { finished: 'success' } } } : undefined;
      const options = { as: { authorization }, ...(body && { body }) };
      expect(await server.call(method, `${path}${rest}`, options)).toMatchObject({ status: 404 });
    }
    // By its own path, with the other one's action.
    expect(await mine.call('GET', `deploymentBase/${actionId}`)).toMatchObject({ status: 404 });
    expect(await mine.feedback(`deploymentBase/${actionId}`, 'closed', 'success')).toMatchObject({ status: 404 });
    expect(await mine.feedback(`cancelAction/${actionId}`, 'closed', 'success')).toMatchObject({ status: 404 });
    expect(await other.state()).toEqual(before);
    expect(await auditOf('device.impersonation.refused')).toEqual(Array(3).fill('device:mine device:other'));
    expect(await auditOf('device.refused')).toEqual(Array(3).fill(`device:mine action:${actionId}`));
  });

  test('too large a body, and a compressed one, are 413 (row 58)', async () => {
    const device = await testDevice(server, fleet, 'large');
    const { setId } = await fleet.set('7.1.0');
    const actionId = await assign(server, fleet, device.id, { setId });
    const details = Array.from({ length: 80 }, () => 'x'.repeat(4000));
    expect(JSON.stringify(details).length).toBeGreaterThan(DDI_MAX_BODY_BYTES);
    expect(await device.feedback(`deploymentBase/${actionId}`, 'closed', 'success', details)).toMatchObject({
      status: 413,
    });
    const zipped = { body: { data: { a: '1' } }, headers: { 'content-encoding': 'gzip' } };
    expect(await device.call('PUT', 'configData', zipped)).toMatchObject({ status: 413 });
    expect(await device.state()).toMatchObject({ assigned: setId, status: 'pending' });
  });

  test.each(['%2e%2e', '%00', 'a%2fb', 'a%5cb', '%E2%80%AE', 'x'.repeat(300)])(
    'an id like %s is 400 (row 59)',
    async (id) => {
      expect(await rawStatus(`/DEFAULT/controller/v1/${id}`)).toBe(400);
    },
  );

  test.each([
    ['no JSON', '{'],
    ['an unknown execution', JSON.stringify({ status: { execution: 'exploded', result: { finished: 'none' } } })],
    ['a duplicate member', '{"status":{"execution":"closed","execution":"closed","result":{"finished":"success"}}}'],
  ])('a feedback with %s is 400, and the action goes on', async (what, body) => {
    const device = await testDevice(server, fleet, what.replaceAll(' ', '-'));
    const actionId = await assign(server, fleet, device.id, { ...(await fleet.set('7.2.0')) });
    const answer = await fetch(
      `${server.url}/DEFAULT/controller/v1/${what.replaceAll(' ', '-')}/deploymentBase/${actionId}/feedback`,
      {
        method: 'POST',
        body,
        headers: {
          authorization: `TargetToken ${tokenOf(what.replaceAll(' ', '-'))}`,
          'content-type': 'application/json',
        },
      },
    );
    expect(answer.status).toBe(400);
    expect(await device.state()).toMatchObject({ status: 'pending' });
  });

  test('a wrong token, and none, are 401', async () => {
    await testDevice(server, fleet, 'guarded');
    for (const as of [null, { authorization: 'TargetToken wrong' }, { authorization: 'Bearer wrong' }]) {
      expect(await server.call('GET', '/DEFAULT/controller/v1/guarded', { as })).toMatchObject({ status: 401 });
    }
  });
});

describe('a gateway', () => {
  test('brings devices along that nobody knew', async () => {
    const own = await startTestServer();
    const key = 'a-gateway-key-of-some-length';
    const settings = { 'authentication.gatewaytoken.enabled': true, 'authentication.gatewaytoken.key': key };
    for (const [name, value] of Object.entries(settings)) {
      const stored = name.endsWith('key') ? hash('sha256', key) : value;
      await own.running.context.database.sql
        .insertInto('tenant_setting')
        .values({ tenant_id: 1, name, value: JSON.stringify(stored) })
        .execute();
    }
    const as = { authorization: `GatewayToken ${key}` };
    expect(await own.call('GET', '/DEFAULT/controller/v1/new-1/deploymentBase/1', { as })).toMatchObject({
      status: 404,
    });
    expect(await own.call('GET', '/DEFAULT/controller/v1/new-1', { as })).toMatchObject({
      status: 200,
      body: { _links: { configData: { href: `${own.url}/DEFAULT/controller/v1/new-1/configData` } } },
    });
    expect(await own.call('GET', '/DEFAULT/controller/v1/new-1', { as })).toMatchObject({ status: 200 });
    const devices = await own.running.context.database.sql
      .selectFrom('device')
      .select(['controller_id', 'update_status', 'token_hash'])
      .execute();
    expect(devices).toEqual([{ controller_id: 'new-1', update_status: 'registered', token_hash: null }]);
    expect(await own.call('GET', '/OTHER/controller/v1/new-1', { as })).toMatchObject({ status: 404 });
  });
});

test('links name the address that the server is told, never one of a header', async () => {
  const settings = { version: '0', scryptCost: 1024, maxArtifactBytes: 1024, publicUrl: 'https://fleet.example' };
  const own = await startTestServer({ settings });
  const ownFleet = await testFleet(own.running.context);
  await testDevice(own, ownFleet, 'behind');
  const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' };
  const as = { authorization: `TargetToken ${tokenOf('behind')}` };
  const { body } = await own.call('GET', '/DEFAULT/controller/v1/behind', { headers, as });
  expect(body._links.configData.href).toBe('https://fleet.example/DEFAULT/controller/v1/behind/configData');
});

describe('time', () => {
  test('shows devices that come and go', async () => {
    const own = await startTestServer();
    const ownFleet = await testFleet(own.running.context);
    const device = await testDevice(own, ownFleet, 'comes');
    const { sql: db } = own.running.context.database;
    const row = () =>
      db
        .selectFrom('device')
        .select(['is_online', 'last_seen_at', 'last_poll_at', 'update_status'])
        .executeTakeFirstOrThrow();
    const now = () => own.running.context.clock.now().getTime();
    await device.poll();
    await own.running.context.lastSeen.flush();
    const seen = now();
    expect(await row()).toEqual({ is_online: 1, last_seen_at: seen, last_poll_at: seen, update_status: 'registered' });
    own.advance(899_000);
    await own.running.runJobs();
    expect((await row()).is_online).toBe(1);
    own.advance(2_000);
    await own.running.runJobs();
    expect(await row()).toMatchObject({ is_online: 0, last_seen_at: seen });
    await device.call('PUT', 'configData', report({ a: '1' }));
    await own.running.context.lastSeen.flush();
    expect(await row()).toMatchObject({ is_online: 1, last_seen_at: now(), last_poll_at: seen });
    const events = await db.selectFrom('event').select(['device', 'body']).orderBy('seq').execute();
    expect(events.map(({ device: name, body }) => `${name} ${JSON.parse(body).event}`)).toEqual([
      'comes online',
      'comes offline',
      'comes online',
    ]);
  });

  test('ends what a device has begun and is silent about, and nothing that it has not begun (hawkbit#693)', async () => {
    const own = await startTestServer();
    const ownFleet = await testFleet(own.running.context);
    const [silent, asleep] = [await testDevice(own, ownFleet, 'silent'), await testDevice(own, ownFleet, 'asleep')];
    const { setId } = await ownFleet.set('1.0.0');
    const begun = await assign(own, ownFleet, silent.id, { setId });
    const waiting = await assign(own, ownFleet, asleep.id, { setId });
    await silent.call('GET', `deploymentBase/${begun}`);
    await silent.feedback(`deploymentBase/${begun}`, 'proceeding');
    own.advance(86_400_000);
    await own.running.runJobs();
    expect((await historyOf(own, begun)).at(-1)?.[0]).toBe('running');
    own.advance(1000);
    await own.running.runJobs();
    expect((await historyOf(own, begun)).at(-1)).toEqual([
      'error',
      'The device has told nothing for 86400 seconds (action.timeoutSeconds); it was last running.',
    ]);
    expect(await silent.state()).toEqual({ assigned: null, installed: null, status: 'error' });
    expect(await asleep.poll()).toMatchObject({ deploymentBase: `deploymentBase/${waiting}` });
  });
});

async function downloaded(link: string, controllerId: string): Promise<Buffer> {
  const answer = await fetch(link, { headers: { authorization: `TargetToken ${tokenOf(controllerId)}` } });
  return Buffer.from(await answer.arrayBuffer());
}

/** Of a path that no client would leave as it is. */
function rawStatus(path: string): Promise<number | undefined> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const headers = { authorization: 'TargetToken x' };
    const sent = request({ hostname, port, path, headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    sent.once('error', reject);
    sent.end();
  });
}
