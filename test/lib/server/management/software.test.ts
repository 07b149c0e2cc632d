import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { managementOf } from './management-fixture.js';
import { type Answered, uploadOf } from './upload.js';

let server: TestServer;
let api: ReturnType<typeof managementOf>;
let upload: (moduleId: number, bytes: Buffer, query?: string) => Promise<Answered>;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
  api = managementOf(server);
  upload = uploadOf(server);
  await api.put('/system/configs/acceptedFormats', { value: ['ota', 'swu'] });
});
afterAll(() => server.stop());

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

async function module(version: string): Promise<number> {
  const [{ id }] = await api.post('/softwaremodules', [{ name: 'fw', version, type: 'os', vendor: 'Acme' }]);
  return id;
}

describe('software modules', () => {
  test('are made, found, changed and removed', async () => {
    const id = await module('1.0');
    const again = await server.call('POST', '/rest/v1/softwaremodules', {
      body: [{ name: 'fw', version: '1.0', type: 'os' }],
    });
    expect(again.status).toBe(409);
    expect(await api.get('/softwaremodules?q=name==fw;version==1.0')).toMatchObject({ total: 1, content: [{ id }] });
    expect(await api.put(`/softwaremodules/${id}`, { vendor: 'Other' })).toMatchObject({ vendor: 'Other' });
    await api.delete(`/softwaremodules/${id}`);
    expect((await server.call('GET', `/rest/v1/softwaremodules/${id}`)).status).toBe(404);
    expect(await api.get('/softwaremoduletypes?q=key==os')).toMatchObject({ content: [{ key: 'os' }] });
  });

  test('hold files: uploaded, checked against digests, downloaded whole and in part, removed', async () => {
    const id = await module('2.0');
    const bytes = Buffer.from('firmware '.repeat(10_000));
    const made = await upload(id, bytes, `?filename=fw.swu&sha256sum=${sha256(bytes)}`);
    expect(made).toMatchObject({
      status: 201,
      body: {
        providedFilename: 'fw.swu',
        size: bytes.length,
        hashes: { sha256: sha256(bytes), md5: expect.stringMatching(/^[0-9a-f]{32}$/) },
        verification: 'unverified',
      },
    });
    const path = `/softwaremodules/${id}/artifacts`;
    expect(await api.get(path)).toHaveLength(1);
    const whole = await server.call('GET', `/rest/v1${path}/${made.body.id}/download`);
    expect(whole.body).toBe(bytes.toString());
    const range = { headers: { range: 'bytes=9-16' } };
    expect(await server.call('GET', `/rest/v1${path}/${made.body.id}/download`, range)).toMatchObject({
      status: 206,
      body: 'firmware',
    });
    expect((await upload(id, bytes, '?filename=fw.swu')).status).toBe(409);
    await api.delete(`${path}/${made.body.id}`);
    expect(await api.get(path)).toEqual([]);
  });

  test.each([
    ['another digest', `?filename=a.swu&sha256sum=${'0'.repeat(64)}`, 400],
    ['a digest that is none', '?filename=a.swu&md5sum=xyz', 400],
    ['a format that the tenant does not accept', '?filename=a.zip', 422],
    ['a name that is a path', '?filename=..%2Fa.swu', 400],
  ])('refuse an upload with %s', async (what, query, status) => {
    const id = await module(what);
    expect((await upload(id, Buffer.from('x'), query)).status).toBe(status);
    expect(await api.get(`/softwaremodules/${id}/artifacts`)).toEqual([]);
  });

  test('refuse an upload that is larger than the server takes', async () => {
    const small = await startTestServer({
      settings: { ...server.running.context.settings, maxArtifactBytes: 200_000 },
    });
    const smallApi = managementOf(small);
    await smallApi.put('/system/configs/acceptedFormats', { value: ['swu'] });
    const [{ id }] = await smallApi.post('/softwaremodules', [{ name: 'fw', version: '1', type: 'os' }]);
    expect((await uploadOf(small)(id, Buffer.alloc(210_000), '?filename=a.swu')).status).toBe(413);
    expect((await uploadOf(small)(id, Buffer.alloc(900_000), '?filename=b.swu')).status).toBe(413);
    expect(await smallApi.get(`/softwaremodules/${id}/artifacts`)).toEqual([]);
  });
});

describe('distribution sets', () => {
  test('are complete once they have what their type demands', async () => {
    const [set] = await api.post('/distributionsets', [{ name: 'set', version: '1.0', type: 'os' }]);
    expect(set).toMatchObject({ complete: false, modules: [], valid: true });
    await api.targets('incomplete');
    const early = await server.call('POST', '/rest/v1/targets/incomplete/assignedDS', { body: { id: set.id } });
    expect(early).toMatchObject({
      status: 400,
      body: { errorCode: 'hawkbit.server.error.distributionset.incomplete' },
    });
    const [app] = await api.post('/softwaremodules', [{ name: 'app', version: '1', type: 'application' }]);
    const wrong = await server.call('POST', `/rest/v1/distributionsets/${set.id}/assignedSM`, {
      body: [{ id: app.id }],
    });
    expect(wrong.status).toBe(400);
    await api.post(`/distributionsets/${set.id}/assignedSM`, [{ id: await module('3.0') }]);
    expect(await api.get(`/distributionsets/${set.id}`)).toMatchObject({
      complete: true,
      modules: [{ version: '3.0' }],
    });
    expect(await api.get('/distributionsets?q=complete==true;name==set')).toMatchObject({ total: 1 });
    expect(await api.get('/distributionsets?q=complete==false;name==set')).toMatchObject({ total: 0 });
  });

  test('are assigned, and the action tells how it goes until it is cancelled', async () => {
    const setId = await api.set('7.0.0');
    await api.targets('t1', 't2');
    const window = { schedule: '0 0 3 ? * SUN', duration: '01:00:00', timezone: '+01:00' };
    const assigned = await api.post('/targets/t1/assignedDS', { id: setId, type: 'soft', maintenanceWindow: window });
    expect(assigned).toMatchObject({ assigned: 1, alreadyAssigned: 0, total: 1 });
    const [{ id: actionId }] = assigned.assignedActions;
    expect(await api.get(`/targets/t1/actions/${actionId}`)).toMatchObject({
      ...{ status: 'running', active: true, forceType: 'soft', type: 'update', maintenanceWindow: window },
      _links: { target: { href: `${server.url}/rest/v1/targets/t1` } },
    });
    expect(await api.post('/targets/t1/assignedDS', [{ id: setId }])).toMatchObject({
      assigned: 0,
      alreadyAssigned: 1,
    });
    expect(await api.ids(`/distributionsets/${setId}/assignedTargets`)).toEqual(['t1']);
    expect(await api.put(`/targets/t1/actions/${actionId}`, { forceType: 'forced' })).toMatchObject({
      forceType: 'forced',
    });
    for (const filter of ['status==pending', 'status==RUNNING', 'detailStatus==running', 'active==true']) {
      const q = `${filter};target.controllerId==t1`;
      expect(await api.get(`/actions?q=${q}&representation=full`), q).toMatchObject({ total: 1 });
    }
    expect((await server.call('DELETE', `/rest/v1/targets/t1/actions/${actionId}?force=true`)).status).toBe(405);
    await api.delete(`/targets/t1/actions/${actionId}`);
    await api.delete(`/targets/t1/actions/${actionId}?force=true`);
    expect(await api.get(`/actions/${actionId}`)).toMatchObject({ status: 'canceled', active: false, type: 'cancel' });
    const { content } = await api.get(`/targets/t1/actions/${actionId}/status`);
    expect(content.map(({ type }: { type: string }) => type)).toEqual(['canceled', 'canceling', 'running']);
    expect((await server.call('GET', `/rest/v1/targets/t2/actions/${actionId}`)).status).toBe(404);
  });

  test('are refused with windows that never come and times that are missing', async () => {
    const setId = await api.set('7.1.0');
    await api.targets('w1');
    for (const how of [
      { type: 'timeforced' },
      { maintenanceWindow: { schedule: '0 0 3 1 1 ? 2020', duration: '01:00:00', timezone: '+00:00' } },
      { maintenanceWindow: { schedule: 'daily', duration: '01:00:00', timezone: '+00:00' } },
    ]) {
      const refused = await server.call('POST', '/rest/v1/targets/w1/assignedDS', { body: { id: setId, ...how } });
      expect(refused.status, JSON.stringify(how)).toBe(400);
    }
    expect(await api.get('/targets/w1/actions')).toMatchObject({ total: 0 });
  });

  test('that are invalidated reach nobody any more', async () => {
    const setId = await api.set('8.0.0');
    await api.targets('i1', 'i2');
    await api.post(`/distributionsets/${setId}/assignedTargets`, [{ id: 'i1' }]);
    await api.post(`/distributionsets/${setId}/invalidate`, { actionCancelationType: 'force' });
    expect(await api.get(`/distributionsets/${setId}`)).toMatchObject({ valid: false });
    expect(await api.get('/targets/i1/actions')).toMatchObject({ content: [{ status: 'canceled' }] });
    const late = await server.call('POST', '/rest/v1/targets/i2/assignedDS', { body: { id: setId } });
    expect(late).toMatchObject({ status: 400, body: { errorCode: 'hawkbit.server.error.distributionset.invalid' } });
    const locked = await server.call('POST', `/rest/v1/distributionsets/${setId}/assignedSM`, { body: [{ id: 1 }] });
    expect(locked.status).toBe(423);
  });
});

describe('settings', () => {
  test('are told with whether they are the default, and secrets are not', async () => {
    expect(await api.get('/system/configs/pollingTime')).toMatchObject({ value: '00:05:00', global: true });
    expect(await api.put('/system/configs/pollingTime', { value: '00:01:00' })).toMatchObject({
      value: '00:01:00',
      global: false,
    });
    const bad = await server.call('PUT', '/rest/v1/system/configs/pollingTime', { body: { value: 'soon' } });
    expect(bad.status).toBe(400);
    await api.put('/system/configs/authentication.gatewaytoken.key', { value: 'a-very-secret-key' });
    expect(await api.get('/system/configs')).toMatchObject({
      pollingTime: { value: '00:01:00' },
      'authentication.gatewaytoken.key': { value: true },
    });
    expect((await server.call('GET', '/rest/v1/system/configs/unheard.of')).status).toBe(404);
  });
});
