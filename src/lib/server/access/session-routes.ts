import { login, renewal, sessionGrant, userInfo, type Whoami, whoami } from '../../wire/access.js';
import { audit } from '../audit/audit.js';
import { Answer, needs, PUBLIC, type RouteDefinition, route } from '../http/route.js';
import { badRequest } from '../http/server-failure.js';
import { HOME_TENANT } from './home-tenant.js';
import type { OperatorPrincipal } from './principal.js';

/** A few short texts. */
const MAX_BODY_BYTES = 16 * 1024;

export const sessionRoutes: readonly RouteDefinition[] = [
  route({
    method: 'POST',
    path: '/api/v1/session',
    access: PUBLIC,
    summary: 'Logs in with a password. The session lasts 30 days, its access tokens a quarter of an hour.',
    body: { json: login, maxBytes: MAX_BODY_BYTES },
    answers: { 201: { description: 'The session; 401 for a wrong password.', json: sessionGrant } },
    async handle({ server: { access, database }, body, request, now }) {
      const { tenant = HOME_TENANT, name, password } = body;
      const operatorId = await access.passwords.check({ tenant, name, password, address: request.ip });
      const { tenant_id: tenantId } = await database.sql
        .selectFrom('operator')
        .select('tenant_id')
        .where('id', '=', operatorId)
        .executeTakeFirstOrThrow();
      const grant = await access.sessions.start({ id: operatorId, tenantId });
      await database.transaction((tx) =>
        audit(tx, { tenantId, actor: name, action: 'session.started', object: `operator:${name}`, detail: {}, now }),
      );
      return new Answer(201, grant);
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/session/refresh',
    access: PUBLIC,
    summary: 'Renews a session. The refresh token is replaced; one that was used before ends the session.',
    body: { json: renewal, maxBytes: MAX_BODY_BYTES },
    answers: { 200: { description: 'The session; 401 when it has ended.', json: sessionGrant } },
    handle: ({ server, body }) => server.access.sessions.renew(body.refreshToken),
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/session',
    access: needs('self'),
    summary: 'Ends the session whose access token is sent.',
    answers: { 204: { description: 'It has ended, in every process of the server.' } },
    async handle({ server, principal }) {
      if (principal.sessionId === undefined) throw badRequest('these credentials belong to no session');
      await server.access.sessions.end(principal.sessionId);
      return new Answer(204);
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/whoami',
    access: needs('self'),
    summary: 'Tells who the caller is and may do.',
    answers: { 200: { description: 'The caller.', json: whoami } },
    handle: async ({ principal }): Promise<Whoami> => ({
      tenant: principal.tenant.name,
      name: principal.name,
      role: principal.role,
      permissions: [...principal.permissions],
      by: loggedInBy(principal),
    }),
  }),
  route({
    method: 'GET',
    path: '/rest/v1/userinfo',
    access: needs('self'),
    summary: 'Tells who the caller is.',
    answers: { 200: { description: 'The caller.', json: userInfo } },
    handle: async ({ principal, tenant }) => ({ tenant: tenant.name, username: principal.name }),
  }),
];

function loggedInBy({ operatorId, sessionId }: OperatorPrincipal): Whoami['by'] {
  if (operatorId === undefined) return 'token';
  return sessionId === undefined ? 'password' : 'session';
}
