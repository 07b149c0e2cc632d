import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openRolloutSession } from '../../../src/cli/rollout-session.js';
import { systemClock } from '../../../src/lib/core/clock.js';
import { createAuthority } from '../../lib/net/certificates.js';
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
const login = (more = '') =>
  desk.fleet(`login hawkbit+${server.url} --username ann --password-stdin${more}`, { stdin: PASSWORD });
const session = (flags: object = {}, environment: Record<string, string> = {}) =>
  openRolloutSession(
    { 'insecure-http': false, ...flags },
    { environment: { XDG_CONFIG_HOME: desk.folder.file('config'), ...environment } },
  );

describe('a login at a hawkBit', () => {
  test('keeps name and password for its owner alone, once the server has taken them', async () => {
    const done = await login();
    expect(done).toMatchObject({ status: 0, stdout: expect.stringContaining('as ann in tenant DEFAULT') });
    expect(done.stdout + done.stderr).not.toContain(PASSWORD);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    const { profiles } = JSON.parse(await readFile(file(), 'utf8'));
    expect(Object.values(profiles)).toEqual([
      { server: server.url, driver: 'hawkbit', tenant: 'DEFAULT', name: 'ann', role: 'hawkbit', password: PASSWORD },
    ]);
  });

  test('with a wrong password is status 15, and nothing is kept', async () => {
    const words = `login hawkbit+${server.url} --username ann --password-env PW`;
    const wrong = await desk.fleet(words, { env: { PW: 'wrong secret' } });
    expect(wrong).toMatchObject({ status: 15, stdout: '' });
    expect(wrong.stderr).not.toContain('wrong secret');
    expect(await desk.folder.state()).toEqual({});
  });

  test('is listed, tells who one is, and is forgotten without a session to end', async () => {
    await login(' --profile hawk');
    const { profiles } = JSON.parse((await desk.fleet('profiles --json')).stdout);
    expect(profiles).toMatchObject([{ name: 'hawk', driver: 'hawkbit', as: 'ann', expires: null }]);
    const who = await desk.fleet('whoami --json');
    expect(who.stdout).not.toContain(PASSWORD);
    expect(JSON.parse(who.stdout)).toMatchObject({ driver: 'hawkbit', tenant: 'DEFAULT', name: 'ann', by: 'password' });
    expect(await desk.fleet('logout')).toMatchObject({ status: 0 });
    expect(await readFile(file(), 'utf8')).not.toContain(PASSWORD);
  });

  test('opens a driver of hawkBit, which is let in', async () => {
    await login();
    await using opened = await session();
    expect(opened).toMatchObject({ by: 'ann', driver: { kind: 'hawkbit', address: server.url } });
    const devices = [];
    for await (const page of opened.driver.devices('')) devices.push(...page);
    expect(devices).toEqual([]);
  });

  test('is none for commands that talk to fleet servers', async () => {
    await login();
    const refused = await desk.fleet('devices list');
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).toContain('hawkBit');
  });

  test('takes a token, which is sent as one', async () => {
    const token = server.token('admin');
    await desk.fleet(`login hawkbit+${server.url} --token-stdin`, { stdin: token });
    await using opened = await session();
    expect(await opened.driver.findSoftware({ product: 'none', version: '1', digest: '0'.repeat(64) })).toBeUndefined();
  });

  test.each([
    ['another kind of server', 'login mender+https://127.0.0.1 --token-stdin'],
    [
      'a tenant, which belongs to the user there',
      'login hawkbit+http://127.0.0.1:1 --username a --tenant T --password-stdin',
    ],
    ['a colon in the name', 'login hawkbit+http://127.0.0.1:1 --username a:b --password-stdin'],
    ['a password in the address', 'login hawkbit+https://ann:secret-token@127.0.0.1 --username ann --password-stdin'],
    ['another machine in clear text', 'login hawkbit+http://192.0.2.1 --username ann --password-stdin'],
  ])('refuses %s', async (_, words) => {
    const refused = await desk.fleet(words, { stdin: 'secret-token' });
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).not.toContain('secret-token');
    expect(await desk.folder.state()).toEqual({});
  });

  test('is used again when somebody has logged in again meanwhile', async () => {
    await login();
    await using opened = await session();
    const kept = JSON.parse(await readFile(file(), 'utf8'));
    const [profile] = Object.values(kept.profiles) as { password: string }[];
    profile!.password = 'no longer good';
    await writeFile(file(), JSON.stringify(kept));
    await expect(opened.driver.stopAll()).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED', exitCode: 15 });
    profile!.password = PASSWORD;
    await writeFile(file(), JSON.stringify(kept));
    expect(await opened.driver.stopAll()).toEqual([]);
  });
});

describe('a pipeline without a login', () => {
  test('names a user and the variable of the password', async () => {
    process.env.OTA_TEST_PASSWORD = PASSWORD;
    try {
      const flags = { server: `hawkbit+${server.url}`, username: 'ann', 'password-env': 'OTA_TEST_PASSWORD' };
      await using opened = await session(flags);
      expect(opened.by).toBe('ann');
      expect(await opened.driver.stopAll()).toEqual([]);
    } finally {
      delete process.env.OTA_TEST_PASSWORD;
    }
  });

  test('asks a fleet server when the address says nothing else', async () => {
    process.env.OTA_TEST_TOKEN = server.token('admin');
    try {
      await using opened = await session({ server: server.url, 'token-env': 'OTA_TEST_TOKEN' });
      expect(opened.driver.kind).toBe('fleet');
    } finally {
      delete process.env.OTA_TEST_TOKEN;
    }
  });
});

describe('a client certificate', () => {
  test('is shown at the login and ever after, from wherever one is', async () => {
    const authority = await createAuthority('Fleet');
    const { cert, key } = await authority.issue();
    const own = await authority.issue({ subject: 'CN=pipeline' });
    const secret = await authority.issue();
    const files = { 'ca.pem': authority.pem, 'own.pem': own.cert, 'own.key': own.key, 'other.key': secret.key };
    for (const [name, text] of Object.entries(files)) await writeFile(desk.folder.file(name), text);
    const shown: string[] = [];
    const gate = https.createServer({ cert, key, ca: authority.pem, requestCert: true }, (request, response) => {
      shown.push((request.socket as TLSSocket).getPeerCertificate().subject.CN as string);
      response.end(JSON.stringify({ tenant: 'DEFAULT', username: 'ann' }));
    });
    gate.on('tlsClientError', () => undefined);
    gate.listen(0, '127.0.0.1');
    await once(gate, 'listening');
    try {
      const address = `hawkbit+https://localhost:${(gate.address() as AddressInfo).port}`;
      const words = `login ${address} --username ann --password-stdin --ca ca.pem --client-cert own.pem`;
      const before = await desk.folder.state();
      const wrong = await desk.fleet(`${words} --client-key other.key`, { stdin: PASSWORD });
      expect(wrong).toMatchObject({ status: 2, stdout: '' });
      expect(await desk.folder.state()).toEqual(before);
      expect(shown).toEqual([]);
      expect(await desk.fleet(`${words} --client-key own.key`, { stdin: PASSWORD })).toMatchObject({ status: 0 });
      expect(await desk.fleet('whoami')).toMatchObject({ status: 0 });
      expect(shown).toEqual(['pipeline', 'pipeline']);
      const { profiles } = JSON.parse(await readFile(file(), 'utf8'));
      const [profile] = Object.values(profiles);
      expect(profile).toMatchObject({
        clientCert: desk.folder.file('own.pem'),
        clientKey: desk.folder.file('own.key'),
      });
    } finally {
      gate.close().closeAllConnections();
    }
  });
});

describe('a trace', () => {
  test('has a line for each request, and neither a login nor a token of a device in it', async () => {
    const token = server.token('admin');
    await desk.fleet(`login ${server.url} --username ann --password-stdin`, { stdin: PASSWORD });
    const path = desk.folder.file('trace.ndjson');
    const tokenFile = desk.folder.file('device-token');
    const made = await desk.fleet(`devices register traced --token-out ${tokenFile} --trace-http ${path}`);
    expect(made).toMatchObject({ status: 0 });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const deviceToken = (await readFile(tokenFile, 'utf8')).trim();
    const text = await readFile(path, 'utf8');
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      expect(Object.keys(line).sort()).toEqual(
        ['attempt', 'durationMs', 'error', 'method', 'requestBytes', 'responseBytes', 'status', 'time', 'url'].sort(),
      );
    }
    expect(lines).toContainEqual(expect.objectContaining({ method: 'POST', status: 201, attempt: 1 }));
    const { profiles } = JSON.parse(await readFile(file(), 'utf8'));
    const { session: grant } = Object.values(profiles)[0] as { session: { accessToken: string; refreshToken: string } };
    for (const secret of [PASSWORD, token, deviceToken, grant.accessToken, grant.refreshToken]) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from(`ann:${secret}`).toString('base64'));
    }
  });

  test('is written to a new file only, and not through a symbolic link', async () => {
    await desk.login();
    const path = desk.folder.file('there.ndjson');
    await writeFile(path, 'mine');
    expect(await desk.fleet(`devices list --trace-http ${path}`)).toMatchObject({ status: 8 });
    expect(await readFile(path, 'utf8')).toBe('mine');
  });
});
