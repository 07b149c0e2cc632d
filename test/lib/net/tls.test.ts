import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { download } from '../../../src/lib/net/download.js';
import type { HttpPolicy } from '../../../src/lib/net/http-policy.js';
import { type Authority, createAuthority, type ServerCertificate } from './certificates.js';
import { serve, serveProxy, testPacing } from './servers.js';

let authority: Authority;
let stranger: Authority;
let directory: string;
let caFile: string;
let crlFile: string;

beforeAll(async () => {
  [authority, stranger] = await Promise.all([createAuthority('Test Authority'), createAuthority('Stranger')]);
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'net-test-'));
  caFile = join(directory, 'ca.pem');
  crlFile = join(directory, 'crl.pem');
  await writeFile(caFile, authority.pem);
});
afterEach(() => rm(directory, { recursive: true }));

async function fetchWith(certificate: ServerCertificate, policy: HttpPolicy) {
  await using server = await serve((_, response) => response.end('image'), certificate);
  const { pacing, delaysMs } = testPacing();
  const target = join(directory, 'image.bin');
  const outcome = await download(new URL(server.origin), target, { maxBytes: 1000, policy, pacing }).catch((e) => e);
  expect(delaysMs).toEqual([]); // a bad certificate is not tried again
  return { outcome, requests: server.requests };
}

describe('TLS', () => {
  test('accepts a certificate of the given authority', async () => {
    const { outcome } = await fetchWith(await authority.issue(), { caFile });
    expect(outcome).toEqual({ size: 5 });
  });

  test.each([
    ['for another name', () => authority.issue({ host: 'other.example' }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['that has expired', () => authority.issue({ expired: true }), 'CERT_HAS_EXPIRED'],
    ['of another authority', () => stranger.issue(), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ])('refuses a certificate %s', async (_, issue, reason) => {
    const { outcome, requests } = await fetchWith(await issue(), { caFile });
    expect(outcome).toMatchObject({ code: 'TLS_FAILED', exitCode: 7, message: expect.stringContaining(reason) });
    expect(requests).toHaveLength(0);
    expect(await readdir(directory)).toEqual(['ca.pem']);
  });

  test('does not trust a private authority nobody named', async () => {
    const { outcome } = await fetchWith(await authority.issue(), {});
    expect(outcome).toMatchObject({ code: 'TLS_FAILED' });
  });

  test('refuses a revoked certificate and still accepts the others', async () => {
    const [good, bad] = [await authority.issue(), await authority.issue()];
    await writeFile(crlFile, await authority.revoke([bad.serialNumber]));
    expect((await fetchWith(good, { caFile, crlFile })).outcome).toEqual({ size: 5 });
    await rm(join(directory, 'image.bin'));
    expect((await fetchWith(bad, { caFile, crlFile })).outcome).toMatchObject({
      code: 'TLS_FAILED',
      message: expect.stringContaining('CERT_REVOKED'),
    });
  });

  test('names a server that does not speak TLS', async () => {
    await using plain = await serve((_, response) => response.end('image'));
    const url = new URL(plain.origin.replace('http:', 'https:'));
    await expect(download(url, join(directory, 'x'), { maxBytes: 10, policy: { caFile } })).rejects.toMatchObject({
      code: 'TLS_FAILED',
    });
  });

  test('does not start with a file of authorities that holds none', async () => {
    await writeFile(caFile, 'to be filled in');
    await expect(
      download(new URL('https://localhost:1/'), join(directory, 'x'), { maxBytes: 10, policy: { caFile } }),
    ).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('ca.pem') });
  });

  test('says which file of authorities is missing', async () => {
    const policy = { caFile: join(directory, 'gone.pem') };
    await expect(
      download(new URL('https://localhost:1/'), join(directory, 'x'), { maxBytes: 10, policy }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('gone.pem') });
  });
});

describe('proxies', () => {
  test('http goes through the proxy, except for the hosts that are left out', async () => {
    await using proxy = await serveProxy();
    await using server = await serve((_, response) => response.end('image'));
    const through: HttpPolicy = { httpProxy: proxy.origin };
    const target = join(directory, 'image.bin');
    await download(new URL(server.origin), target, { maxBytes: 10, policy: through });
    expect(proxy.requests).toHaveLength(1);
    await download(new URL(server.origin), `${target}.2`, {
      maxBytes: 10,
      policy: { ...through, noProxy: 'example.com,127.0.0.1' },
    });
    expect(proxy.requests).toHaveLength(1);
    expect(server.requests).toHaveLength(2);
  });

  test('https is tunnelled, and the certificate of the target is still checked', async () => {
    await using proxy = await serveProxy();
    const policy: HttpPolicy = { httpsProxy: proxy.origin, caFile };
    const { outcome } = await fetchWith(await authority.issue(), policy);
    expect(outcome).toEqual({ size: 5 });
    expect(proxy.requests[0]!.method).toBe('CONNECT');
    await rm(join(directory, 'image.bin'));
    expect((await fetchWith(await stranger.issue(), policy)).outcome).toMatchObject({ code: 'TLS_FAILED' });
  });
});
