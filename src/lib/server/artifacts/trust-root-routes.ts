import type { JsonObject } from '../../core/strict-json.js';
import { ROOT_MAX_BYTES } from '../../trust/root.js';
import { rootFile } from '../../wire/catalog.js';
import { changeSettings } from '../access/change-settings.js';
import { readSettings } from '../access/tenant-settings.js';
import { needs, type RouteDefinition, route } from '../http/route.js';
import { ServerFailure } from '../http/server-failure.js';

/** What packages of a tenant have to be signed by. */
export const trustRootRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/api/v1/trust-root',
    access: needs('settings:read'),
    summary: 'The trust root that uploaded packages are verified by.',
    answers: { 200: { description: 'The file, as JSON.', json: rootFile } },
    handle: async ({ server, tenant }) => {
      const { trustRoot } = await readSettings(server.database.sql, tenant.id);
      if (trustRoot === null) throw noRoot();
      return trustRoot;
    },
  }),
  route({
    method: 'PUT',
    path: '/api/v1/trust-root',
    access: needs('settings:write'),
    summary: 'Sets the trust root. A later one has to be the next version, signed by the keys of the one before.',
    body: { json: rootFile, maxBytes: ROOT_MAX_BYTES },
    answers: { 200: { description: 'The file that counts from now on.', json: rootFile } },
    handle: async ({ server, tenant, principal, body, now }) => {
      const values = { trustRoot: body as JsonObject };
      await changeSettings(server, { tenantId: tenant.id, actor: principal.name, values, now });
      return body;
    },
  }),
];

function noRoot(): ServerFailure {
  return new ServerFailure(404, 'NOT_FOUND', 'this tenant has no trust root yet', {
    suggestions: ['Set it with `fleet catalog trust root.json`, or PUT /api/v1/trust-root.'],
  });
}
