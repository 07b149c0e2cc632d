import * as z from 'zod/mini';
import { createdTenant, listOf, newTenant, type TenantInfo, tenant as tenantInfo } from '../../wire/access.js';
import { audit } from '../audit/audit.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { badRequest, conflict, notFound } from '../http/server-failure.js';
import { createTenant } from './create-tenant.js';
import { HOME_TENANT } from './home-tenant.js';
import { pathId } from './ids.js';
import { newToken, tokenHash } from './token.js';

/** First parts of paths that belong to the server, where a device's path has its tenant. */
const RESERVED = new Set(['api', 'rest', 'healthz', 'readyz', 'metrics']);

/** Tenants never go: their audit log must not. */
export const tenantRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/api/v1/tenants',
    access: needs('tenants:write'),
    summary: `Lists the tenants of the server; for administrators of ${HOME_TENANT}.`,
    answers: { 200: { description: 'All of them, by name.', json: listOf(tenantInfo) } },
    async handle({ server: { database } }) {
      const rows = await database.sql.selectFrom('tenant').selectAll().orderBy('name').execute();
      return { items: rows.map(tenantOf) };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/tenants/{tenantId}',
    access: needs('tenants:write'),
    summary: `Tells of one tenant; for administrators of ${HOME_TENANT}.`,
    params: z.object({ tenantId: pathId }),
    answers: { 200: { description: 'The tenant.', json: tenantInfo } },
    async handle({ server: { database }, params: { tenantId } }) {
      const row = await database.sql.selectFrom('tenant').selectAll().where('id', '=', tenantId).executeTakeFirst();
      if (row === undefined) throw notFound('such tenant');
      return tenantOf(row);
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/tenants',
    access: needs('tenants:write'),
    summary: `Makes a tenant and a token for its administrator; for administrators of ${HOME_TENANT}.`,
    body: { json: newTenant },
    answers: { 201: { description: 'The tenant and its token, shown this once.', json: createdTenant } },
    async handle({ server: { database }, tenant, principal, body: { name }, now }) {
      if (RESERVED.has(name.toLowerCase())) throw badRequest(`the name ${name} is reserved`);
      const adminToken = newToken();
      const made = await database.transaction(async (tx) => {
        // First, because it holds back whoever makes another tenant at the same time.
        const what = { action: 'tenant.created', object: `tenant:${name}`, detail: {} };
        await audit(tx, { tenantId: tenant.id, actor: principal.name, ...what, now });
        const names = await tx.selectFrom('tenant').select('name').execute();
        // Names that differ in case alone would be taken for each other.
        const known = names.find((row) => row.name.toLowerCase() === name.toLowerCase());
        if (known !== undefined) throw conflict(`there is a tenant ${known.name} already`);
        const id = await createTenant(tx, name, now);
        await tx
          .insertInto('api_token')
          .values({
            tenant_id: id,
            name: 'first',
            role: 'admin',
            token_hash: tokenHash(adminToken),
            created_by: `${tenant.name}\\${principal.name}`,
            created_at: now,
          })
          .execute();
        return { id, name, createdAt: now };
      });
      return new Answer(201, { ...made, adminToken });
    },
  }),
];

function tenantOf({ id, name, created_at }: { id: number; name: string; created_at: number }): TenantInfo {
  return { id, name, createdAt: created_at };
}
