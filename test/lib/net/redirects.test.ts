import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { download } from '../../../src/lib/net/download.js';
import type { HttpPolicy } from '../../../src/lib/net/http-policy.js';
import { type Authority, createAuthority } from './certificates.js';
import { serve, testPacing } from './servers.js';

let authority: Authority;
let directory: string;
let target: string;
let caFile: string;

beforeAll(async () => {
  authority = await createAuthority('Test Authority');
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'net-test-'));
  target = join(directory, 'image.bin');
  caFile = join(directory, 'ca.pem');
  await writeFile(caFile, authority.pem);
});
afterEach(() => rm(directory, { recursive: true }));

async function fetchUrl(url: string, policy: HttpPolicy = {}) {
  const { pacing } = testPacing();
  return download(new URL(url), target, { maxBytes: 1000, policy, pacing }).catch((error) => error);
}

async function expectNothingLeft() {
  expect(await readdir(directory)).toEqual(['ca.pem']);
}

describe('redirects', () => {
  test.each([301, 302, 303, 307, 308])('%i is followed', async (status) => {
    await using server = await serve((request, response) =>
      request.url === '/old' ? response.writeHead(status, { location: '/new' }).end() : response.end('image'),
    );
    expect(await fetchUrl(`${server.origin}/old`)).toEqual({ size: 5 });
  });

  test('more than the limit are refused', async () => {
    await using server = await serve((_, response, count) => response.writeHead(302, { location: `/${count}` }).end());
    expect(await fetchUrl(server.origin)).toMatchObject({ code: 'REDIRECT_REFUSED', exitCode: 7 });
    expect(server.requests).toHaveLength(6);
    await expectNothingLeft();
  });

  test.each([
    ['without an address', {}],
    ['to a broken address', { location: 'http://[' }],
    ['to a local file', { location: 'file:///etc/passwd' }],
    ['to an address with a password', { location: 'http://user:secret@localhost/' }],
  ])('%s are refused', async (_, headers) => {
    await using server = await serve((_request, response) => response.writeHead(302, headers).end());
    const outcome = await fetchUrl(server.origin);
    expect(outcome).toMatchObject({ code: 'REDIRECT_REFUSED' });
    expect(outcome.message).not.toContain('secret');
    expect(server.requests).toHaveLength(1);
    await expectNothingLeft();
  });

  test('from https to http are refused before the http server is asked', async () => {
    await using plain = await serve((_, response) => response.end('forged'));
    await using secure = await serve(
      (_, response) => response.writeHead(302, { location: plain.origin }).end(),
      await authority.issue(),
    );
    expect(await fetchUrl(secure.origin, { caFile })).toMatchObject({ code: 'REDIRECT_REFUSED' });
    expect(plain.requests).toHaveLength(0);
    await expectNothingLeft();
  });

  test('from http to https are followed', async () => {
    await using secure = await serve((_, response) => response.end('image'), await authority.issue());
    await using plain = await serve((_, response) => response.writeHead(302, { location: secure.origin }).end());
    expect(await fetchUrl(plain.origin, { caFile })).toEqual({ size: 5 });
    expect(await readFile(target, 'utf8')).toBe('image');
  });
});

describe('the credential', () => {
  test('is sent to its own origin', async () => {
    await using server = await serve((_, response) => response.end('image'));
    await fetchUrl(server.origin, { credential: { origin: server.origin, token: 'hunter2' } });
    expect(server.requests[0]!.headers.authorization).toBe('Bearer hunter2');
  });

  test('is not sent to another origin', async () => {
    await using server = await serve((_, response) => response.end('image'));
    await fetchUrl(server.origin, { credential: { origin: 'https://elsewhere.example', token: 'hunter2' } });
    expect(server.requests[0]!.headers.authorization).toBeUndefined();
  });

  test('follows a redirect within the origin only, and does not come back through another one', async () => {
    await using other = await serve((_, response) =>
      response.writeHead(302, { location: `${server.origin}/back` }).end(),
    );
    await using server = await serve((request, response) => {
      if (request.url === '/') response.writeHead(302, { location: '/near' }).end();
      else if (request.url === '/near') response.writeHead(302, { location: other.origin }).end();
      else response.end('image');
    });
    const outcome = await fetchUrl(server.origin, { credential: { origin: server.origin, token: 'hunter2' } });
    expect(outcome).toEqual({ size: 5 });
    expect(server.requests.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      ['/', 'Bearer hunter2'],
      ['/near', 'Bearer hunter2'],
      ['/back', undefined],
    ]);
    expect(other.requests[0]!.headers.authorization).toBeUndefined();
  });
});
