import { readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ROUTES } from '../../../src/lib/server/routes.js';
import { startTestServer } from './server-fixture.js';

describe('a fleet server', () => {
  test('begins with a tenant and a token that only its owner can read, and makes no second one', async () => {
    const server = await startTestServer();
    const { firstStart, context } = server.running;
    expect(statSync(firstStart!.tokenFile).mode & 0o777).toBe(0o600);
    expect(readFileSync(firstStart!.tokenFile, 'utf8')).toBe(`${firstStart!.adminToken}\n`);
    const tenants = await context.database.sql.selectFrom('tenant').select('name').orderBy('id').execute();
    expect(tenants.map(({ name }) => name)).toEqual(['DEFAULT', 'OTHER']);
  });

  test('tells that it lives and is ready', async () => {
    const server = await startTestServer();
    expect(await server.call('GET', '/healthz', { as: null })).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(await server.call('GET', '/readyz', { as: null })).toMatchObject({ status: 200, body: { status: 'ready' } });
    expect(await server.call('GET', '/nowhere')).toMatchObject({ status: 404 });
  });

  test('describes every route in an OpenAPI document', async () => {
    const server = await startTestServer();
    const { status, body } = await server.call('GET', '/api/v1/openapi.json', { as: null });
    expect(status).toBe(200);
    const described = Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.sort()).toEqual(ROUTES.map(({ method, path }) => `${method} ${path}`).sort());
  });

  test('counts requests by the pattern of their route, for those of its first tenant', async () => {
    const server = await startTestServer();
    await server.call('GET', '/healthz');
    const { status, body } = await server.call('GET', '/metrics', { as: 'viewer' });
    expect(status).toBe(200);
    expect(body).toMatch(/fleet_http_request_duration_seconds_count\{method="GET",route="\/healthz",status="200"\} 1/);
    expect(await server.call('GET', '/metrics', { as: 'admin', tenant: 'OTHER' })).toMatchObject({ status: 403 });
  });

  test('lets no second server into its data directory', async () => {
    const server = await startTestServer();
    const { dataDirectory } = server.running.context;
    await expect(startTestServer({ dataDirectory })).rejects.toMatchObject({ code: 'LOCKED' });
  });
});
