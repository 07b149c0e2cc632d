import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/core/clock.js';
import { type Fleet, testFleet } from '../../lib/server/actions/software-fixture.js';
import { rootFile, tenantRoot } from '../../lib/server/artifacts/upload-fixture.js';
import { imageSha256, releasePackage } from '../../lib/server/catalog/catalogue-fixture.js';
import { testDevice } from '../../lib/server/ddi/ddi-fixture.js';
import { startTestServer, type TestServer } from '../../lib/server/server-fixture.js';
import { type FleetDesk, openDesk } from './fleet-login.js';

let server: TestServer;
let desk: FleetDesk;
let fleet: Fleet;
const rollback = { rollback: { allowed: true } };
beforeAll(async () => {
  server = await startTestServer({ isShared: true, clock: systemClock });
  desk = await openDesk(server);
  fleet = await testFleet(server.running.context);
  await desk.login();
  await write('root.json', Buffer.from(JSON.stringify(rootFile(await tenantRoot()))));
  for (const [version, sequence, from] of [
    ['1.0.0', 100, []],
    ['1.1.0', 110, ['1.0.0']],
    ['1.2.0', 120, ['1.1.0']],
  ] as const) {
    await write(
      `meter-${version}.ota`,
      await releasePackage(version, { sequence, from, full: from.length === 0 }, rollback),
    );
  }
});
afterAll(async () => {
  await desk[Symbol.asyncDispose]();
  await server.stop();
});

const write = (name: string, bytes: Uint8Array) => writeFile(desk.folder.file(name), bytes);
const json = async (words: string) => JSON.parse((await desk.fleet(`${words} --json`)).stdout);
const releases = () =>
  server.running.context.database.sql.selectFrom('release').select('version').orderBy('id').execute();

describe('fleet catalog trust', () => {
  test('says that there is no root yet, sets one, and shows it', async () => {
    expect(await desk.fleet('catalog trust')).toMatchObject({ status: 16, stdout: '' });
    const unverified = await desk.fleet('catalog publish meter-1.0.0.ota');
    expect(unverified).toMatchObject({ status: 3, stdout: '' });
    expect(unverified.stderr).toContain('no trust root');
    expect(await desk.fleet('catalog trust root.json --dry-run')).toMatchObject({ status: 0 });
    expect(await desk.fleet('catalog trust')).toMatchObject({ status: 16 });
    expect(await desk.fleet('catalog trust root.json')).toMatchObject({ status: 0, stderr: '' });
    const shown = await desk.fleet('catalog trust');
    expect(shown.stdout).toMatch(/version +1[\s\S]*release:meter +1 of 1 keys|release:\* +1 of 1 keys/);
    await write('none.json', Buffer.from('{}'));
    expect(await desk.fleet('catalog trust none.json')).toMatchObject({ status: 3 });
  });
});

describe('fleet catalog publish', () => {
  test('publishes, and again ends with 0 and changes nothing', async () => {
    const dry = await desk.fleet('catalog publish meter-1.0.0.ota --channel stable --dry-run');
    expect(dry).toMatchObject({ status: 0, stderr: '' });
    expect(dry.stdout).toContain('meter 1.0.0 would be published, would be new in stable');
    expect(await releases()).toEqual([]);
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) {
      const { status, stdout, stderr } = await desk.fleet(`catalog publish meter-${version}.ota --channel stable`);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toContain(`meter ${version} is published, new in stable`);
    }
    const again = await desk.fleet('catalog publish meter-1.2.0.ota --channel stable');
    expect(again).toMatchObject({ status: 0 });
    expect(again.stdout).toContain('meter 1.2.0 was published already');
    expect(await json('catalog publish meter-1.2.0.ota --channel beta')).toMatchObject({
      published: false,
      entered: ['beta'],
    });
    expect(await releases()).toHaveLength(3);
  });

  test('verifies here first where it is told by what', async () => {
    const before = await releases();
    await write('damaged.ota', await releasePackage('1.9.0', { sequence: 190 }));
    const damaged = Buffer.from(await releasePackage('1.9.0', { sequence: 190 }));
    damaged[damaged.length - 2048]! ^= 1;
    await write('damaged.ota', damaged);
    expect(await desk.fleet('catalog publish damaged.ota --trust root.json')).toMatchObject({ status: 4, stdout: '' });
    expect(await releases()).toEqual(before);
  });

  test.each([
    ['a sequence that is taken', '1.1.1', 110, '', 5],
    ['a version that is taken', '1.1.0', 115, '', 8],
    ["one below its channel's newest", '1.0.5', 105, ' --channel stable', 8],
    ['a channel that there is not', '1.3.0', 130, ' --channel gamma', 16],
  ])('refuses %s', async (_, version, sequence, more, status) => {
    const before = await releases();
    await write('refused.ota', await releasePackage(version, { sequence }));
    const refused = await desk.fleet(`catalog publish refused.ota${more}`);
    expect(refused).toMatchObject({ status, stdout: '' });
    expect(await releases()).toEqual(before);
  });

  test('is for those who may: status 15', async () => {
    const denied = await desk.fleet(`catalog publish refused.ota --server ${server.url} --token-env VIEWER`, {
      env: { VIEWER: server.token('viewer') },
    });
    expect(denied).toMatchObject({ status: 15, stdout: '' });
    expect(await desk.fleet('catalog publish nothing.ota')).toMatchObject({ status: 16 });
  });
});

describe('fleet catalog list, show and channel', () => {
  test('list what is published, and say what they leave out', async () => {
    const all = await desk.fleet('catalog list');
    expect(all.stdout).toMatch(/meter +1\.2\.0 +120[\s\S]*meter +1\.1\.0 +110[\s\S]*meter +1\.0\.0 +100/);
    const few = await desk.fleet('catalog list --max 1');
    expect(few.stderr).toContain('1 of 3 releases; for all of them: --max 3');
    const range = await desk.fleet(['catalog', 'list', '--version-range', '>=1.1 <1.2', '--json']);
    expect(JSON.parse(range.stdout)).toMatchObject({ total: 1, releases: [{ version: '1.1.0' }] });
    expect(await desk.fleet('catalog list --product kettle')).toMatchObject({ status: 0, stdout: '' });
  });

  test('show one by version or digest', async () => {
    const { digest } = await json('catalog show 1.1.0');
    const shown = await desk.fleet(`catalog show ${digest.slice(0, 8)}`);
    expect(shown.stdout).toContain('meter 1.1.0');
    expect(shown.stdout).toContain("as today's trust root wants it");
    expect(shown.stdout).toContain('0 have it, it is assigned to 0');
    expect(await desk.fleet('catalog show 9.9.9')).toMatchObject({ status: 16, stdout: '' });
  });

  test('move it between channels', async () => {
    const put = await desk.fleet('catalog channel add 1.2.0 nightly');
    expect(put).toMatchObject({ status: 0, stdout: 'meter 1.2.0 is in stable, beta, nightly\n' });
    const refused = await desk.fleet('catalog channel add 1.1.0 nightly');
    expect(refused).toMatchObject({ status: 8 });
    expect(refused.stderr).toContain('--older');
    expect(await desk.fleet('catalog channel add 1.1.0 nightly --older --dry-run')).toMatchObject({
      stdout: 'meter 1.1.0 is in stable\n',
    });
    expect(await desk.fleet('catalog channel remove 1.2.0 nightly')).toMatchObject({
      stdout: 'meter 1.2.0 is in stable, beta\n',
    });
    const listed = await desk.fleet('catalog channel list');
    expect(listed.stdout).toMatch(/meter +stable +1\.2\.0 +120/);
  });
});

describe('fleet catalog path and rollback', () => {
  const told = (version: string) => ({ product: 'meter', model: 'M100', 'ota.app.sha256': imageSha256(version) });
  const digestOf = async (version: string): Promise<string> => (await json(`catalog show ${version}`)).digest;

  test('tell the steps of a device, or what stands in its way', async () => {
    const hub = await testDevice(server, fleet, 'hub-1');
    await hub.call('PUT', 'configData', { body: { mode: 'replace', data: told('1.0.0') } });
    const found = await desk.fleet('catalog path --from device:hub-1');
    expect(found).toMatchObject({ status: 0, stderr: '' });
    expect(found.stdout).toMatch(/2 steps to 1\.2\.0[\s\S]*1 +1\.1\.0 +delta[\s\S]*2 +1\.2\.0 +delta[\s\S]*the target/);
    await hub.call('PUT', 'configData', { body: { mode: 'replace', data: { ...told('1.0.0'), model: 'M900' } } });
    const blocked = await desk.fleet('catalog path --from device:hub-1');
    expect(blocked).toMatchObject({ status: 5 });
    expect(blocked.stdout).toContain('✗ it is for M100, not for M900');
    expect(await desk.fleet('catalog path --from device:hub-9')).toMatchObject({ status: 16, stdout: '' });
    expect(await json('catalog path --from 1.1.0 --to 1.2.0')).toMatchObject({
      path: { outcome: 'found', steps: [{}] },
    });
  });

  test('foretell where a device goes back to, with three answers for each', async () => {
    const hub = await testDevice(server, fleet, 'hub-2');
    const tell = (version: string, digest: string, more: object = {}) =>
      hub.call('PUT', 'configData', {
        body: { mode: 'replace', data: { ...told(version), 'ota.digest': digest, ...more } },
      });
    await tell('1.1.0', await digestOf('1.1.0'));
    await tell('1.2.0', await digestOf('1.2.0'), { 'ota.app.spares': imageSha256('1.1.0') });
    const { status, stdout } = await desk.fleet('catalog rollback hub-2');
    expect(status).toBe(0);
    expect(stdout).toMatch(/hub-2, a meter that runs 1\.2\.0: would go back to 1\.1\.0/);
    expect(stdout).toMatch(/→ 1\.1\.0[\s\S]*✓ continuity[\s\S]*✓ signature[\s\S]*✓ storage: app still in a slot/);
    expect(stdout).toMatch(/1\.0\.0[\s\S]*✗ continuity: the device has never run it/);
    await testDevice(server, fleet, 'hub-3');
    expect(await desk.fleet('catalog rollback hub-3')).toMatchObject({ status: 16, stdout: '' });
  });
});

describe('fleet catalog yank', () => {
  test('withdraws a release with a reason, and offers it again', async () => {
    expect(await desk.fleet('catalog yank 1.2.0')).toMatchObject({ status: 2, stdout: '' });
    expect(await desk.fleet('catalog yank 1.2.0 --reason melts --dry-run')).toMatchObject({ status: 0 });
    expect(await json('catalog show 1.2.0')).toMatchObject({ yanked: null });
    const yanked = await desk.fleet('catalog yank 1.2.0 --reason melts');
    expect(yanked.stdout).toContain('meter 1.2.0 is withdrawn');
    const blocked = await desk.fleet('catalog path --from 1.1.0 --to 1.2.0');
    expect(blocked).toMatchObject({ status: 5 });
    expect(blocked.stdout).toContain('it was withdrawn: melts');
    expect(await desk.fleet('catalog publish meter-1.2.0.ota')).toMatchObject({ status: 8 });
    expect(await desk.fleet('catalog yank 1.2.0 --reason again')).toMatchObject({ status: 8 });
    expect(await desk.fleet('catalog yank 1.2.0 --undo')).toMatchObject({ status: 0 });
    expect(await json('catalog show 1.2.0')).toMatchObject({ yanked: null });
  });
});
