import { beforeAll, describe, expect, test } from 'vitest';
import { setRootExpiry } from '../../../../src/lib/trust/root-edit.js';
import { testSigner } from '../../../support/packages.js';
import { inTwoYears, rootOf, successorOf } from '../../trust/keys.js';
import { startTestServer, type TestServer } from '../server-fixture.js';
import { releaseSigner, rootFile, rootSigner, tenantRoot } from './upload-fixture.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ isShared: true });
  return () => server.stop();
});
const get = () => server.call('GET', '/api/v1/trust-root');
const put = (body: unknown) => server.call('PUT', '/api/v1/trust-root', { body });

describe('the trust root of a tenant', () => {
  test('is set once, and then follows its own keys only', async () => {
    expect(await get()).toMatchObject({ status: 404 });
    expect(await put({ signed: {}, signatures: [] })).toMatchObject({ status: 422 });
    expect(await get()).toMatchObject({ status: 404 });

    const first = await tenantRoot();
    expect(await put(rootFile(first))).toMatchObject({ status: 200 });
    expect((await get()).body).toEqual(rootFile(first));
    expect(await put(rootFile(first))).toMatchObject({ status: 200 });

    const thief = testSigner(77);
    const stolen = await rootOf({ root: [thief], release: [thief] });
    expect(await put(rootFile(stolen))).toMatchObject({ status: 422, body: { error: { code: 'ROOT_ROTATION' } } });
    const next = await successorOf(first, [setRootExpiry(inTwoYears)], [rootSigner]);
    expect(await put(rootFile(next))).toMatchObject({ status: 200 });
    expect(await put(rootFile(first))).toMatchObject({ status: 422 });
    const reset = await server.call('PUT', '/api/v1/trust-root', { body: null });
    expect(reset.status).toBe(400);
    expect((await get()).body).toEqual(rootFile(next));
  });

  test('belongs to its tenant, and only an administrator changes it', async () => {
    const root = rootFile(await rootOf({ root: [rootSigner], release: [releaseSigner] }));
    for (const as of ['operator', 'viewer', 'auditor'] as const) {
      expect(await server.call('PUT', '/api/v1/trust-root', { body: root, as })).toMatchObject({ status: 403 });
    }
    expect(await server.call('GET', '/api/v1/trust-root', { tenant: 'OTHER' })).toMatchObject({ status: 404 });
  });
});
