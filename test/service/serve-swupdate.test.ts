import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installedImage, makeUpdate, startSwupdate } from '../../scripts/services/swupdate.mjs';
import { type FleetProcess, startFleet } from '../support/fleet-process.js';
import { assignSet, makeSet, registerDevices } from '../support/fleet-software.js';
import { type TestFolder, testFolder } from '../support/folder.js';

const PATIENCE = { timeout: 60_000 };

let data: TestFolder;
let server: FleetProcess;
let tokens: Map<string, string>;

beforeAll(async () => {
  data = await testFolder();
  server = await startFleet({ data: data.path });
  for (const [name, value] of [
    ['acceptedFormats', ['ota', 'swu']],
    ['pollingTime', '00:00:01'],
  ]) {
    expect(await server.call('PUT', `/api/v1/settings/${name}`, { body: { value } })).toMatchObject({ status: 200 });
  }
  tokens = await registerDevices(server, ['hub-1', 'hub-2', 'hub-3']);
});
afterAll(async () => {
  await server.end('SIGTERM');
  await data[Symbol.asyncDispose]();
});

const identity = (id: string) => ({
  ...{ url: server.url, tenant: 'DEFAULT', id, targetToken: tokens.get(id)! },
  attributes: { hwRevision: '1.0', serial: `S-${id}` },
});

async function upload(path: string, version: string): Promise<number> {
  return makeSet(server, { version, file: { name: basename(path), bytes: await readFile(path) } });
}

async function actionOf(id: string, actionId: number) {
  return (await server.call('GET', `/rest/v1/targets/${id}/actions/${actionId}`)).body;
}

/** What the device is said to have told, the oldest first. */
async function historyOf(id: string, actionId: number): Promise<string[]> {
  const path = `/rest/v1/targets/${id}/actions/${actionId}/status?sort=id:ASC&limit=500`;
  const { content } = (await server.call('GET', path)).body;
  return content.map(({ type }: { type: string }) => type);
}

const statusOf = async (id: string) => (await server.call('GET', `/api/v1/devices/${id}`)).body;

describe('SWUpdate, a client of hawkBit, on fleet serve', () => {
  test('tells its attributes, installs what was uploaded byte for byte, and is in sync after its restart', async () => {
    await using device = await testFolder();
    const image = randomBytes(300_000);
    const setId = await upload(makeUpdate(device.path, { version: '1.2.0', image }), '1.2.0');
    const actionId = await assignSet(server, 'hub-1', setId);
    const running = await startSwupdate(device.path, identity('hub-1'));
    await running.said('An already installed update is pending testing');
    await running.stop();
    expect((await readFile(installedImage(device.path))).equals(image)).toBe(true);
    expect(await statusOf('hub-1')).toMatchObject({
      ...{ updateStatus: 'pending', installed: null, online: true, wantsAttributes: false },
      attributes: { hwRevision: '1.0', serial: 'S-hub-1' },
    });

    const rebooted = await startSwupdate(device.path, { ...identity('hub-1'), confirm: 'success' });
    await expect.poll(() => actionOf('hub-1', actionId), PATIENCE).toMatchObject({ status: 'finished' });
    await rebooted.stop();
    expect(await statusOf('hub-1')).toMatchObject({
      updateStatus: 'in_sync',
      installed: { name: 'firmware', version: '1.2.0' },
      assigned: { name: 'firmware', version: '1.2.0' },
    });
    const history = await historyOf('hub-1', actionId);
    // It reads the action again at every poll, and reports its progress; that tells nothing new.
    const reports = history.slice(2, -1);
    expect(history).toEqual(['running', 'retrieved', ...reports.map(() => 'running'), 'finished']);
    expect(reports.length).toBeGreaterThan(0);
  });

  test('refuses what another key has signed: the action ends as an error and the device keeps what it has', async () => {
    await using device = await testFolder();
    await using stranger = await testFolder();
    const update = makeUpdate(stranger.path, { version: '6.6.6', image: randomBytes(5_000) });
    const actionId = await assignSet(server, 'hub-2', await upload(update, '6.6.6'));
    const running = await startSwupdate(device.path, identity('hub-2'));
    await expect.poll(() => actionOf('hub-2', actionId), PATIENCE).toMatchObject({ detailStatus: 'error' });
    await running.stop();
    expect(await statusOf('hub-2')).toMatchObject({ updateStatus: 'error', installed: null });
    await expect(readFile(installedImage(device.path))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(readFile(installedImage(stranger.path))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('lets go of an update that was cancelled before it began', async () => {
    await using device = await testFolder();
    const update = makeUpdate(device.path, { version: '1.3.0', image: randomBytes(5_000) });
    const actionId = await assignSet(server, 'hub-3', await upload(update, '1.3.0'));
    const path = `/rest/v1/targets/hub-3/actions/${actionId}`;
    expect(await server.call('DELETE', path)).toMatchObject({ status: 204 });
    const running = await startSwupdate(device.path, identity('hub-3'));
    await expect.poll(() => actionOf('hub-3', actionId), PATIENCE).toMatchObject({ detailStatus: 'canceled' });
    // It goes on to ask, and is given nothing.
    await expect.poll(() => statusOf('hub-3'), PATIENCE).toMatchObject({ wantsAttributes: false });
    await running.stop();
    expect(await statusOf('hub-3')).toMatchObject({ assigned: null, installed: null });
    await expect(readFile(installedImage(device.path))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
