import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, type ServerCertificate } from '../../net/certificates.js';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { addDevice, auditedActions } from './access-fixture.js';

const poll = (server: TestServer, path: string, authorization?: string) =>
  server.call('GET', path, { as: authorization === undefined ? null : { authorization } });
const set = (server: TestServer, name: string, value: unknown, tenant = 'DEFAULT') =>
  server.call('PUT', `/api/v1/settings/${name}`, { body: { value }, tenant });

describe('a device with a token', () => {
  let server: TestServer;
  let token: string;
  beforeAll(async () => {
    server = await startTestServer({ isShared: true });
    token = await addDevice(server, 1, 'truck-1');
    await addDevice(server, 2, 'truck-1');
  });
  afterAll(() => server.stop());

  test('is let in where it is itself, whatever the case of the scheme', async () => {
    for (const scheme of ['TargetToken', 'targettoken']) {
      expect((await poll(server, '/DEFAULT/controller/v1/truck-1', `${scheme} ${token}`)).status).toBe(200);
    }
  });

  test('row 52: reads and reports as no other device, known or not, of no tenant: 404, audited each time', async () => {
    const before = await auditedActions(server);
    for (const path of [
      '/OTHER/controller/v1/truck-1',
      '/DEFAULT/controller/v1/nobody',
      '/NOWHERE/controller/v1/truck-1',
    ]) {
      const answer = await poll(server, path, `TargetToken ${token}`);
      expect(answer).toMatchObject({ status: 404, body: { message: 'there is no such device' } });
    }
    expect((await auditedActions(server)).slice(before.length)).toEqual([
      'device:truck-1 device.impersonation.refused device:truck-1',
      'device:truck-1 device.impersonation.refused device:nobody',
      'device:truck-1 device.impersonation.refused device:truck-1',
    ]);
  });

  test('is refused with an empty, unknown or changed token', async () => {
    for (const wrong of ['', 'x', `${token}0`, token.toUpperCase()]) {
      expect((await poll(server, '/DEFAULT/controller/v1/truck-1', `TargetToken ${wrong}`)).status).toBe(401);
    }
  });

  test('is refused when its tenant lets no tokens of devices in, at once', async () => {
    await set(server, 'authentication.targettoken.enabled', false);
    expect((await poll(server, '/DEFAULT/controller/v1/truck-1', `TargetToken ${token}`)).status).toBe(401);
    await set(server, 'authentication.targettoken.enabled', true);
    expect((await poll(server, '/DEFAULT/controller/v1/truck-1', `TargetToken ${token}`)).status).toBe(200);
  });
});

describe('a gateway', () => {
  test('is let in for every device of its tenant, once that is enabled and until its key changes', async () => {
    const server = await startTestServer();
    const key = 'key of a gateway in DEFAULT';
    const knock = (tenant = 'DEFAULT', value = key) =>
      poll(server, `/${tenant}/controller/v1/truck-1`, `GatewayToken ${Buffer.from(value).toString('hex')}`);
    await set(server, 'authentication.gatewaytoken.key', Buffer.from(key).toString('hex'));
    expect((await knock()).status).toBe(401);
    await set(server, 'authentication.gatewaytoken.enabled', true);
    expect((await knock()).status).toBe(200);
    expect((await knock('DEFAULT', 'another')).status).toBe(401);
    expect((await knock('OTHER')).status).toBe(404);
    expect(await auditedActions(server)).toContain('gateway device.impersonation.refused device:truck-1');
    await set(server, 'authentication.gatewaytoken.key', null);
    expect((await knock()).status).toBe(401);
  });
});

describe('a device with a certificate', () => {
  let server: TestServer;
  let authority: Authority;
  let issuer: string;
  let token: string;
  const certificates = new Map<string, ServerCertificate>();
  beforeAll(async () => {
    authority = await createAuthority('devices');
    const https = await (await createAuthority('servers')).issue();
    const tls = { key: Buffer.from(https.key), cert: Buffer.from(https.cert), ca: Buffer.from(authority.pem) };
    issuer = https.cert;
    server = await startTestServer({ isShared: true, tls });
    token = await addDevice(server, 1, 'truck-1');
    const foreign = await createAuthority('strangers');
    const issue = async (name: string, from: Authority, options: { subject: string; expired?: boolean }) =>
      certificates.set(name, await from.issue(options));
    await issue('own', authority, { subject: 'CN=truck-1' });
    await issue('of OTHER', authority, { subject: 'CN=truck-1, OU=OTHER' });
    await issue('another', authority, { subject: 'CN=truck-2' });
    await issue('two names', authority, { subject: 'CN=truck-1, CN=truck-2' });
    await issue('two tenants', authority, { subject: 'CN=truck-1, OU=DEFAULT, OU=OTHER' });
    await issue('expired', authority, { subject: 'CN=truck-1', expired: true });
    await issue('of strangers', foreign, { subject: 'CN=truck-1' });
  });
  afterAll(() => server.stop());

  /** The server is of a test; it is its judgement of the client that counts. */
  function knock(certificate: string | undefined, tenant = 'DEFAULT', authorization?: string): Promise<number> {
    const { cert, key } = certificates.get(certificate ?? '') ?? {};
    return new Promise((resolve, reject) => {
      const options = {
        ...{ ca: issuer, checkServerIdentity: () => undefined, rejectUnauthorized: false, agent: false as const },
        ...{ cert, key, headers: authorization === undefined ? {} : { authorization } },
      };
      request(`${server.url}/${tenant}/controller/v1/truck-1`, options, (response) => {
        response.resume();
        resolve(response.statusCode!);
      })
        .on('error', reject)
        .end();
    });
  }

  test('is let in by its common name, in the tenant of its organizational unit or DEFAULT', async () => {
    expect(await knock('own')).toBe(200);
    expect(await knock('of OTHER', 'OTHER')).toBe(200);
  });

  test('row 57: is refused where it is another, or of another tenant: 403', async () => {
    expect(await knock('another')).toBe(403);
    expect(await knock('own', 'OTHER')).toBe(403);
    expect(await knock('of OTHER')).toBe(403);
  });

  test('row 57: is refused as another also with that one’s token', async () => {
    expect(await knock(undefined, 'DEFAULT', `TargetToken ${token}`)).toBe(200);
    expect(await knock('own', 'DEFAULT', `TargetToken ${token}`)).toBe(200);
    expect(await knock('another', 'DEFAULT', `TargetToken ${token}`)).toBe(403);
  });

  test('is nobody with a certificate that has expired, two names, two tenants, or a stranger’s signature', async () => {
    for (const name of ['expired', 'two names', 'two tenants', 'of strangers', undefined]) {
      expect([name, await knock(name)]).toEqual([name, 401]);
    }
  });

  test('is refused when its tenant lets no certificates in', async () => {
    const { context } = server.running;
    const { changeSettings } = await import('../../../../src/lib/server/access/change-settings.js');
    const change = (value: boolean) =>
      changeSettings(context, {
        ...{ tenantId: 1, actor: 'test', now: 0 },
        values: { 'authentication.certificate.enabled': value },
      });
    await change(false);
    expect(await knock('own')).toBe(401);
    await change(true);
    expect(await knock('own')).toBe(200);
  });
});
