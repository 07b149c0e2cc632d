import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { addOperator, auditedActions, basic, bearer, logIn, PASSWORD } from './access-fixture.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
  await addOperator(server, 'ada', 'admin');
});
afterAll(() => server.stop());

describe('row 60: a page of another site', () => {
  const operator = { name: 'evil', role: 'admin', password: PASSWORD };
  const post = (headers: Record<string, string>) =>
    server.call('POST', '/api/v1/operators', { body: operator, headers, as: basic('ada', PASSWORD) });

  test.each([
    ['a fetch', { 'sec-fetch-site': 'cross-site' }],
    ['a sibling', { 'sec-fetch-site': 'same-site' }],
    [
      'a form of an old browser',
      { origin: 'https://evil.example', 'content-type': 'application/x-www-form-urlencoded' },
    ],
    ['a sandboxed frame', { origin: 'null' }],
    ['a form of text', { origin: 'https://evil.example', 'content-type': 'text/plain' }],
    ['a body without a type', { origin: 'https://evil.example', 'content-type': '' }],
  ])('changes nothing with the password that a browser has kept: %s', async (_, headers) => {
    const before = await auditedActions(server);
    expect(await post(headers)).toMatchObject({ status: 403, body: { error: { code: 'CROSS_SITE' } } });
    expect(await auditedActions(server)).toEqual(before);
  });

  test('is told from the server’s own pages, an address that was typed, and from what is no browser', async () => {
    for (const headers of [
      { 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'none' },
      { origin: server.url },
      {},
    ]) {
      expect([201, 409]).toContain((await post(headers as Record<string, string>)).status);
    }
  });

  test('may not read answers: no origin is ever allowed to', async () => {
    const asked = { origin: 'https://evil.example', 'access-control-request-method': 'PUT' };
    const preflight = await server.call('OPTIONS', '/api/v1/operators', { headers: asked });
    const read = await server.call('GET', '/api/v1/operators', { headers: { origin: 'https://evil.example' } });
    for (const { headers } of [preflight, read]) {
      expect([...headers.keys()].filter((name) => name.startsWith('access-control-allow'))).toEqual([]);
    }
    expect(preflight.status).toBe(404);
  });
});

describe('cookies', () => {
  test('are neither set nor taken', async () => {
    const { accessToken } = await logIn(server, 'ada');
    const answer = await server.call('POST', '/api/v1/session', {
      body: { name: 'ada', password: PASSWORD },
      as: null,
    });
    expect(answer.headers.get('set-cookie')).toBeNull();
    const cookie = `authorization=Bearer ${accessToken}; token=${accessToken}; session=${accessToken}`;
    expect((await server.call('GET', '/api/v1/whoami', { headers: { cookie }, as: null })).status).toBe(401);
    expect((await server.call('GET', '/api/v1/whoami', { as: bearer(accessToken) })).status).toBe(200);
  });
});
