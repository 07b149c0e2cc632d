import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/core/clock.js';
import { startTestServer, type TestServer } from '../../lib/server/server-fixture.js';
import { type FleetDesk, openDesk } from './fleet-login.js';

const PASSWORD = 'correct horse battery';

let server: TestServer;
let desk: FleetDesk;
beforeAll(async () => {
  server = await startTestServer({ isShared: true, clock: systemClock });
  await server.call('POST', '/api/v1/operators', { body: { name: 'ann', role: 'operator', password: PASSWORD } });
});
afterAll(() => server.stop());
beforeEach(async () => {
  desk = await openDesk(server);
});
afterEach(() => desk[Symbol.asyncDispose]());

const file = () => desk.folder.file('config/ota-fleet/servers.json');
const kept = async () => JSON.parse(await readFile(file(), 'utf8'));
const name = () => new URL(server.url).host;
const passwordLogin = (more = '') =>
  desk.fleet(`login ${server.url} --username ann --password-stdin${more}`, { stdin: PASSWORD });

/** As if a quarter of an hour had gone by. */
async function ageAccessToken(): Promise<void> {
  const profiles = await kept();
  profiles.profiles[name()].session.accessExpiresAt = 0;
  await writeFile(file(), JSON.stringify(profiles));
}

describe('fleet login', () => {
  test('keeps a token that the server knows, for its owner alone', async () => {
    const token = server.token('admin');
    const login = await desk.fleet(`login ${server.url} --token-stdin`, { stdin: `${token}\n` });
    expect(login).toMatchObject({ status: 0, stdout: expect.stringContaining('(admin) in tenant DEFAULT') });
    expect(login.stdout + login.stderr).not.toContain(token);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect(await kept()).toMatchObject({
      version: 1,
      current: name(),
      profiles: { [name()]: { server: server.url, token } },
    });
    const who = await desk.fleet('whoami --json');
    expect(JSON.parse(who.stdout)).toMatchObject({
      server: server.url,
      tenant: 'DEFAULT',
      role: 'admin',
      by: 'token',
      expires: null,
    });
  });

  test('keeps nothing when the server does not know the token, or is not there', async () => {
    const before = await desk.folder.state();
    const wrong = await desk.fleet(`login ${server.url} --token-stdin`, { stdin: `fleet_${'x'.repeat(43)}` });
    expect(wrong).toMatchObject({ status: 15, stdout: '' });
    expect(wrong.stderr).not.toContain('xxx');
    const nobody = await desk.fleet('login http://127.0.0.1:1 --token-stdin', { stdin: server.token('admin') });
    expect(nobody).toMatchObject({ status: 7, stdout: '' });
    expect(await desk.folder.state()).toEqual(before);
  }, 30_000);

  test('of a password keeps the session alone', async () => {
    expect(await passwordLogin()).toMatchObject({ status: 0 });
    expect(await readFile(file(), 'utf8')).not.toContain(PASSWORD);
    const who = JSON.parse((await desk.fleet('whoami --json')).stdout);
    expect(who).toMatchObject({ name: 'ann', role: 'operator', by: 'session', expires: expect.stringMatching(/Z$/) });
  });

  test('a wrong password is status 15', async () => {
    const wrong = await desk.fleet(`login ${server.url} --username ann --password-env PW`, { env: { PW: 'wrong' } });
    expect(wrong).toMatchObject({ status: 15, stdout: '' });
    expect(await desk.folder.state()).toEqual({});
  });

  test.each([
    ['a token in the address', 'login http://me:secret@127.0.0.1:8080 --token-stdin'],
    ['a token on the command line', 'login http://127.0.0.1:8080 --token secret'],
    ['another machine in clear text', 'login http://192.0.2.1 --token-stdin'],
    ['no secret where nobody can be asked', 'login http://127.0.0.1:8080'],
    ['a token and a name', 'login http://127.0.0.1:8080 --token-stdin --username ann'],
    ['a name for the login that is none', 'login http://127.0.0.1:8080 --token-stdin --profile ../x'],
  ])('refuses %s', async (_, words) => {
    const refused = await desk.fleet(words, { stdin: 'secret-token' });
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).not.toContain('secret-token');
    expect(await desk.folder.state()).toEqual({});
  });
});

describe('a session', () => {
  test('is renewed once, however many processes find it old at the same time', async () => {
    await passwordLogin();
    await ageAccessToken();
    const before = await kept();
    const all = await Promise.all(Array.from({ length: 5 }, () => desk.start('whoami')));
    expect(all.map(({ status, stderr }) => [status, stderr])).toEqual(all.map(() => [0, '']));
    const after = await kept();
    expect(after.profiles[name()].session.refreshToken).not.toBe(before.profiles[name()].session.refreshToken);
    // A refresh token that was used twice would have ended it.
    await ageAccessToken();
    expect(await desk.fleet('whoami')).toMatchObject({ status: 0 });
  }, 30_000);

  test('that was ended at the server is status 15, and says what to do', async () => {
    await passwordLogin();
    const { accessToken } = (await kept()).profiles[name()].session;
    await server.call('DELETE', '/api/v1/session', { as: { authorization: `Bearer ${accessToken}` } });
    const refused = await desk.fleet('whoami');
    expect(refused).toMatchObject({ status: 15, stdout: '' });
    expect(refused.stderr).toContain(`fleet login ${server.url}`);
  });
});

describe('fleet logout', () => {
  test('ends the session at the server and forgets it here', async () => {
    await passwordLogin();
    const { accessToken } = (await kept()).profiles[name()].session;
    const as = { authorization: `Bearer ${accessToken}` };
    expect((await server.call('GET', '/api/v1/whoami', { as })).status).toBe(200);
    expect(await desk.fleet('logout')).toMatchObject({ status: 0 });
    expect((await server.call('GET', '/api/v1/whoami', { as })).status).toBe(401);
    expect(await kept()).toEqual({ version: 1, current: null, profiles: {} });
    expect(await desk.fleet('whoami')).toMatchObject({ status: 15 });
    expect(await desk.fleet('logout')).toMatchObject({ status: 15 });
  });

  test('forgets a login whose server is gone, and warns', async () => {
    await passwordLogin();
    const profiles = await kept();
    profiles.profiles[name()].server = 'http://127.0.0.1:1';
    await writeFile(file(), JSON.stringify(profiles));
    const { status, stderr } = await desk.fleet('logout');
    expect(status).toBe(0);
    expect(stderr).toContain('warning: the session could not be ended');
    expect((await kept()).profiles).toEqual({});
  }, 30_000);
});

describe('logins', () => {
  test('several are kept, and one is chosen by name or by server', async () => {
    await desk.login();
    await passwordLogin(' --profile ann');
    const list = JSON.parse((await desk.fleet('profiles --json')).stdout).profiles;
    expect(list.map((one: { name: string; isCurrent: boolean }) => [one.name, one.isCurrent])).toEqual([
      [name(), false],
      ['ann', true],
    ]);
    const as = async (words: string) => JSON.parse((await desk.fleet(`whoami --json ${words}`.trim())).stdout).role;
    expect(await as('')).toBe('operator');
    expect(await as(`--profile ${name()}`)).toBe('admin');
    expect(await as(`--server ${server.url}`)).toBe('operator');
    expect(await desk.fleet(`profiles use ${name()}`)).toMatchObject({ status: 0 });
    expect(await as('')).toBe('admin');
    expect(await desk.fleet('profiles use nobody')).toMatchObject({ status: 16, stdout: '' });
    expect(await desk.fleet('profiles remove ann')).toMatchObject({ status: 0 });
    expect(Object.keys((await kept()).profiles)).toEqual([name()]);
    const text = (await desk.fleet('profiles')).stdout;
    expect(text).toContain(server.url);
    expect(text).not.toContain(server.token('admin'));
  }, 30_000);

  test('a login is never sent to another server than its own', async () => {
    await desk.login();
    const other = await desk.fleet('whoami --server http://127.0.0.1:9');
    expect(other).toMatchObject({ status: 15, stdout: '' });
    expect(other.stderr).toContain('not logged in to http://127.0.0.1:9');
    expect(await desk.fleet(`whoami --server http://127.0.0.1:9 --profile ${name()}`)).toMatchObject({ status: 2 });
  });

  test('the environment needs none', async () => {
    const env = { FLEET_SERVER: server.url, FLEET_TOKEN_ENV: 'CI_TOKEN', CI_TOKEN: server.token('viewer') };
    expect(JSON.parse((await desk.fleet('whoami --json', { env })).stdout)).toMatchObject({
      role: 'viewer',
      profile: null,
    });
    expect(await desk.folder.state()).toEqual({});
  });

  test('a checkout chooses neither who gets a token nor that it is sent in clear text', async () => {
    const env = { CI_TOKEN: server.token('admin') };
    for (const config of [{ server: server.url, 'token-env': 'CI_TOKEN' }, { 'insecure-http': true }]) {
      await writeFile(desk.folder.file('ota.config.json'), JSON.stringify(config));
      expect(await desk.fleet('whoami', { env })).toMatchObject({ status: 2, stdout: '' });
    }
  });

  test('a file that others can read is refused, and so is a damaged one', async () => {
    await desk.login();
    await chmod(file(), 0o644);
    const shared = await desk.fleet('whoami');
    expect(shared).toMatchObject({ status: 2, stdout: '' });
    expect(shared.stderr).toContain('chmod 600');
    await chmod(file(), 0o600);
    const text = await readFile(file(), 'utf8');
    await writeFile(file(), `${text}x`);
    expect(await desk.fleet('whoami')).toMatchObject({ status: 2, stdout: '' });
    const refused = await desk.fleet(`login ${server.url} --token-stdin`, { stdin: server.token('admin') });
    expect(refused.status).toBe(2);
    expect(await readFile(file(), 'utf8')).toBe(`${text}x`);
  });

  test('a lock that a killed process left behind is taken over', async () => {
    await mkdir(desk.folder.file('config/ota-fleet'), { recursive: true });
    await desk.login();
    const lock = { pid: 2 ** 22 + 1, host: (await import('node:os')).hostname(), token: 'dead', startedAt: 0 };
    await writeFile(`${file()}.lock`, JSON.stringify(lock));
    expect(await desk.fleet('profiles use nobody')).toMatchObject({ status: 16 });
  });
});
