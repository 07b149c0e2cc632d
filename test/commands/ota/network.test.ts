import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../lib/net/certificates.js';
import { serve, serveProxy } from '../../lib/net/servers.js';
import { runCli } from '../../support/cli.js';
import { type PackageFolder, packageFolder } from './package-fixture.js';

let folder: PackageFolder;
let authority: Authority;
let packageBytes: Buffer;
/** Where the command spools what it downloads: empty again after every run. */
let spool: string;

beforeAll(async () => {
  folder = await packageFolder();
  await folder.pack('--full');
  packageBytes = await readFile(folder.file('x.ota'));
  spool = folder.file('spool');
  await mkdir(spool);
  authority = await createAuthority('Test Authority');
  await writeFile(folder.file('ca.pem'), authority.pem);
  await writeFile(folder.file('other-ca.pem'), (await createAuthority('Stranger')).pem);
});
afterAll(() => folder[Symbol.asyncDispose]());

const sendPackage = (response: ServerResponse) =>
  response.writeHead(200, { 'content-length': packageBytes.length }).end(packageBytes);

async function verify(address: string, env: Record<string, string> = {}, signal?: AbortSignal) {
  const options = { cwd: folder.path, env: { TMPDIR: spool, ...env }, ...(signal ? { signal } : {}) };
  const result = await runCli('ota', ['verify', address, '--key', 'a.pub', '--json'], options);
  expect(await readdir(spool)).toEqual([]);
  return { ...result, code: result.stdout === '' ? undefined : JSON.parse(result.stdout).error?.code };
}

describe('a package from the network', () => {
  test('is verified over TLS of a private authority', async () => {
    await using server = await serve((_, response) => sendPackage(response), await authority.issue());
    expect(await verify(`${server.origin}/x.ota`, { OTA_CA_FILE: 'ca.pem' })).toMatchObject({ status: 0 });
  });

  test('is refused when another authority signed the certificate', async () => {
    await using server = await serve((_, response) => sendPackage(response), await authority.issue());
    const { status, code } = await verify(`${server.origin}/x.ota`, { OTA_CA_FILE: 'other-ca.pem' });
    expect({ status, code }).toEqual({ status: 7, code: 'TLS_FAILED' });
    expect(server.requests).toHaveLength(0);
  });

  test('is refused when https redirects to http', async () => {
    await using plain = await serve((_, response) => sendPackage(response));
    await using secure = await serve(
      (_, response) => response.writeHead(302, { location: `${plain.origin}/x.ota` }).end(),
      await authority.issue(),
    );
    const { status, code } = await verify(`${secure.origin}/x.ota`, { OTA_CA_FILE: 'ca.pem' });
    expect({ status, code }).toEqual({ status: 7, code: 'REDIRECT_REFUSED' });
    expect(plain.requests).toHaveLength(0);
  });

  test.each([
    [404, 16, 'NOT_FOUND'],
    [403, 15, 'PERMISSION_DENIED'],
    [501, 7, 'HTTP_STATUS'],
  ])('that the server answers with %i ends with %i', async (answer, status, code) => {
    await using server = await serve((_, response) => response.writeHead(answer).end());
    expect(await verify(server.origin)).toMatchObject({ status, code });
  });

  test('is fetched with the token of its origin, which is never printed', async () => {
    await using server = await serve((request, response) =>
      request.headers.authorization === 'Bearer hunter2' ? sendPackage(response) : response.writeHead(401).end(),
    );
    const token = { OTA_HTTP_TOKEN: 'hunter2', OTA_HTTP_TOKEN_ORIGIN: server.origin };
    expect(await verify(`${server.origin}/x.ota`, token)).toMatchObject({ status: 0 });
    const refused = await verify(`${server.origin}/x.ota`, {
      ...token,
      OTA_HTTP_TOKEN_ORIGIN: 'https://other.example',
    });
    expect(refused).toMatchObject({ status: 15 });
    expect(refused.stdout + refused.stderr).not.toContain('hunter2');
  });

  test('is not asked for with a password in the address, and the password is not printed', async () => {
    await using server = await serve((_, response) => sendPackage(response));
    const { status, code, stdout, stderr } = await verify(server.origin.replace('//', '//user:hunter2@'));
    expect({ status, code }).toEqual({ status: 2, code: 'SECRET_IN_ARGV' });
    expect(stdout + stderr).not.toContain('hunter2');
    expect(server.requests).toHaveLength(0);
  });

  test('goes through the proxy of the environment', async () => {
    await using proxy = await serveProxy();
    await using server = await serve((_, response) => sendPackage(response));
    expect(await verify(`${server.origin}/x.ota`, { HTTP_PROXY: proxy.origin })).toMatchObject({ status: 0 });
    expect(proxy.requests).toHaveLength(1);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('is abandoned at once on %s', async (signal, status) => {
    const abort = new AbortController();
    await using server = await serve((_, response) => {
      response.writeHead(200, { 'content-length': packageBytes.length });
      response.write(packageBytes.subarray(0, 1000), () => abort.abort(signal));
    });
    expect(await verify(`${server.origin}/x.ota`, {}, abort.signal)).toMatchObject({ status });
  });
});
