import { createHmac, generateKeyPairSync } from 'node:crypto';
import { exportJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openAccessControl } from '../../../../src/lib/server/access/access.js';
import { serverSecret } from '../../../../src/lib/server/access/server-secret.js';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { addOperator, bearer, logIn } from './access-fixture.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
  await addOperator(server, 'ada', 'operator');
});
afterAll(() => server.stop());

const whoami = (token: string) => server.call('GET', '/api/v1/whoami', { as: bearer(token) });
const refresh = (refreshToken: string) =>
  server.call('POST', '/api/v1/session/refresh', { body: { refreshToken }, as: null });

describe('a session', () => {
  test('lets its operator in, names its end, and is told by whoami', async () => {
    const { accessToken, accessExpiresAt, expiresAt } = await logIn(server, 'ada');
    const now = server.running.context.clock.now().getTime();
    expect([accessExpiresAt - now, expiresAt - now]).toEqual([15 * 60_000, 30 * 86_400_000]);
    expect(await whoami(accessToken)).toMatchObject({
      status: 200,
      body: { name: 'ada', role: 'operator', by: 'session' },
    });
  });

  test('tells nothing in its token but its own name', async () => {
    const [header, payload] = (await logIn(server, 'ada')).accessToken
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
    expect(header).toEqual({ alg: 'HS256', typ: 'JWT' });
    expect(Object.keys(payload).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'jti']);
  });

  test('is renewed by a refresh token, once', async () => {
    const first = await logIn(server, 'ada');
    const second = await refresh(first.refreshToken);
    expect(second).toMatchObject({ status: 200, body: { expiresAt: first.expiresAt } });
    expect(second.body.refreshToken).not.toBe(first.refreshToken);
    expect((await whoami(second.body.accessToken)).status).toBe(200);
  });

  test('row 56: ends when a refresh token is used again, however long ago it was replaced', async () => {
    const first = await logIn(server, 'ada');
    const second = (await refresh(first.refreshToken)).body;
    const third = (await refresh(second.refreshToken)).body;
    expect((await refresh(first.refreshToken)).status).toBe(401);
    expect((await whoami(third.accessToken)).status).toBe(401);
    expect((await refresh(third.refreshToken)).status).toBe(401);
  });

  test('does not end when somebody makes up a refresh token for it', async () => {
    const { accessToken, refreshToken } = await logIn(server, 'ada');
    const bytes = Buffer.from(refreshToken.slice('fleetr_'.length), 'base64url');
    bytes[30]! ^= 1;
    for (const made of [`fleetr_${bytes.toString('base64url')}`, 'fleetr_', 'x', refreshToken.slice(0, -4)]) {
      expect((await refresh(made)).status).toBe(401);
    }
    expect((await whoami(accessToken)).status).toBe(200);
    expect((await refresh(refreshToken)).status).toBe(200);
  });

  test('row 56: is refused at once when it was ended, also by another process', async () => {
    const { accessToken, refreshToken } = await logIn(server, 'ada');
    expect((await server.call('DELETE', '/api/v1/session', { as: bearer(accessToken) })).status).toBe(204);
    expect((await whoami(accessToken)).status).toBe(401);
    expect((await refresh(refreshToken)).status).toBe(401);
    const other = await logIn(server, 'ada');
    const { context } = server.running;
    const elsewhere = await openAccessControl(context.database, context);
    await elsewhere.sessions.end((await elsewhere.sessionTokens.sessionOf(other.accessToken))!);
    expect((await whoami(other.accessToken)).status).toBe(401);
  });

  test('is left alone by credentials that belong to none', async () => {
    expect((await server.call('DELETE', '/api/v1/session')).status).toBe(400);
  });

  test('of an operator is one of 64 at most', async () => {
    const own = await startTestServer();
    const id = await addOperator(own, 'ada', 'viewer');
    const oldest = await logIn(own, 'ada');
    for (let index = 0; index < 64; index++) {
      own.advance(1);
      await own.running.context.access.sessions.start({ id, tenantId: 1 });
    }
    expect((await own.call('GET', '/api/v1/whoami', { as: bearer(oldest.accessToken) })).status).toBe(401);
    expect(await own.running.context.database.sql.selectFrom('session').select('id').execute()).toHaveLength(64);
  });
});

describe('row 55 and 56: a forged or stale token', () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  let claims: { iss: string; aud: string; jti: string; iat: number; exp: number };
  let key: Buffer;
  beforeAll(async () => {
    const { accessToken } = await logIn(server, 'ada');
    claims = JSON.parse(Buffer.from(accessToken.split('.')[1]!, 'base64url').toString());
    key = await serverSecret(server.running.context.database, 'session-signing');
  });
  const signed = (header: object, payload: object = claims, secret: Buffer = key) => {
    const text = `${part(header)}.${part(payload)}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  };

  test('is told from one that is right', async () => {
    expect((await whoami(signed({ alg: 'HS256', typ: 'JWT' }))).status).toBe(200);
  });

  test('with alg none is refused, signed or not', async () => {
    for (const alg of ['none', 'None', 'NONE', '']) {
      expect((await whoami(`${part({ alg })}.${part(claims)}.`)).status).toBe(401);
      expect((await whoami(signed({ alg }))).status).toBe(401);
    }
  });

  test('with RS256, or with a public key taken for a secret, is refused', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const rs256 = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(privateKey);
    expect((await whoami(rs256)).status).toBe(401);
    const pem = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }));
    expect((await whoami(signed({ alg: 'HS256' }, claims, pem))).status).toBe(401);
    expect((await whoami(signed({ alg: 'RS256' }))).status).toBe(401);
    expect((await whoami(signed({ alg: 'HS512' }))).status).toBe(401);
  });

  test('that brings its own key in jwk, jku or x5c is refused', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = await exportJWK(publicKey);
    const es256 = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', jwk }).sign(privateKey);
    expect((await whoami(es256)).status).toBe(401);
    const secret = Buffer.alloc(32, 7);
    const oct = { kty: 'oct', k: secret.toString('base64url') };
    expect((await whoami(signed({ alg: 'HS256', jwk: oct }, claims, secret))).status).toBe(401);
    expect((await whoami(signed({ alg: 'HS256', jku: `${server.url}/healthz` }, claims, secret))).status).toBe(401);
  });

  test('whose kid is a path or a query is refused: an empty file is no key', async () => {
    for (const kid of ['../../../../dev/null', '/dev/null', "x' union select '' --"]) {
      expect((await whoami(signed({ alg: 'HS256', kid }, claims, Buffer.alloc(0)))).status).toBe(401);
      expect((await whoami(signed({ alg: 'HS256', kid }, claims, Buffer.alloc(32)))).status).toBe(401);
    }
  });

  test('of another issuer, for another audience, without an end or a session is refused', async () => {
    const { exp: _exp, ...endless } = claims;
    const { jti: _jti, ...nameless } = claims;
    for (const payload of [
      { ...claims, iss: 'x' },
      { ...claims, aud: 'x' },
      endless,
      nameless,
      { ...claims, jti: 'x' },
    ]) {
      expect((await whoami(signed({ alg: 'HS256' }, payload))).status).toBe(401);
    }
    expect((await whoami(signed({ alg: 'HS256', crit: ['x'], x: 1 }))).status).toBe(401);
  });

  test('that has expired is refused, to the second', async () => {
    const own = await startTestServer();
    await addOperator(own, 'ada', 'viewer');
    const { accessToken, refreshToken } = await logIn(own, 'ada');
    const ask = () => own.call('GET', '/api/v1/whoami', { as: bearer(accessToken) });
    own.advance(15 * 60_000 - 1000);
    expect((await ask()).status).toBe(200);
    own.advance(1000);
    expect((await ask()).status).toBe(401);
    own.advance(30 * 86_400_000);
    expect((await own.call('POST', '/api/v1/session/refresh', { body: { refreshToken }, as: null })).status).toBe(401);
  });
});
