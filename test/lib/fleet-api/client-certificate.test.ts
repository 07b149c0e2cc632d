import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import { openFleetClient } from '../../../src/lib/fleet-api/fleet-client.js';
import type { HttpPolicy } from '../../../src/lib/net/http-policy.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { type Authority, createAuthority } from '../net/certificates.js';
import { serveProxy } from '../net/servers.js';

let folder: TestFolder;
let server: https.Server;
let origin: string;
let stranger: Authority;
const file = (name: string) => folder.file(name);
const own = (): HttpPolicy => ({
  caFile: file('ca.pem'),
  clientCertFile: file('client.pem'),
  clientKeyFile: file('client.key'),
  limits: { attempts: 1 },
});

/** It demands a certificate of its authority, and says whose it was shown. */
beforeAll(async () => {
  folder = await testFolder();
  const authority = await createAuthority('Fleet');
  stranger = await createAuthority('Stranger');
  const { cert, key } = await authority.issue();
  const pipeline = await authority.issue({ subject: 'CN=pipeline' });
  const other = await stranger.issue({ subject: 'CN=pipeline' });
  await Promise.all([
    writeFile(file('ca.pem'), authority.pem),
    writeFile(file('client.pem'), pipeline.cert),
    writeFile(file('client.key'), pipeline.key),
    writeFile(file('other.pem'), other.cert),
    writeFile(file('other.key'), other.key),
  ]);
  const tls = { cert, key, ca: authority.pem, requestCert: true, rejectUnauthorized: true };
  server = https.createServer(tls, (request, response) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    response.end(JSON.stringify({ name: subject.CN }));
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `https://localhost:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close().closeAllConnections();
  await folder[Symbol.asyncDispose]();
});

async function ask(policy: HttpPolicy): Promise<string> {
  await using client = await openFleetClient({ server: origin, policy });
  return (await client.call('GET', '/x', { answer: z.object({ name: z.string() }) })).name;
}

describe('a server that asks who it talks to', () => {
  test('is shown the certificate', async () => {
    expect(await ask(own())).toBe('pipeline');
  });

  test('is shown it through a proxy, which is not', async () => {
    await using proxy = await serveProxy();
    expect(await ask({ ...own(), httpsProxy: proxy.origin })).toBe('pipeline');
    expect(proxy.requests).toHaveLength(1);
  });

  test.each([
    ['none', {}],
    ['one of another authority', { clientCertFile: 'other.pem', clientKeyFile: 'other.key' }],
  ])('does not talk to who has %s', async (_, files) => {
    const named = Object.fromEntries(Object.entries(files).map(([name, path]) => [name, file(path)]));
    const policy = { caFile: file('ca.pem'), limits: { attempts: 1 }, ...named };
    await expect(ask(policy)).rejects.toMatchObject({ exitCode: 7 });
  });

  test.each([
    ['the key of another certificate', { clientKeyFile: 'other.key' }],
    ['a certificate in place of the key', { clientKeyFile: 'client.pem' }],
    ['a key in place of the certificate', { clientCertFile: 'client.key' }],
  ])('is not asked with %s', async (_, files) => {
    const named = Object.fromEntries(Object.entries(files).map(([name, path]) => [name, file(path)]));
    const failure = ask({ ...own(), ...named });
    await expect(failure).rejects.toMatchObject({ code: 'CONFIG_INVALID', exitCode: 2 });
    await expect(failure).rejects.not.toThrow(/BEGIN|PRIVATE/);
  });

  test('is not asked with half of it, or with files that are not there', async () => {
    const { clientKeyFile: _, ...half } = own();
    await expect(ask(half)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(ask({ ...own(), clientCertFile: file('nowhere.pem') })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
