import type { Transaction } from 'kysely';
import * as z from 'zod/mini';
import { type ApiToken, apiToken, createdApiToken, listOf, newApiToken, type Role } from '../../wire/access.js';
import { audit } from '../audit/audit.js';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { badRequest, conflict, notFound, ServerFailure } from '../http/server-failure.js';
import { pathId } from './ids.js';
import { permissionsOf } from './permissions.js';
import type { OperatorPrincipal } from './principal.js';
import { newToken, tokenHash } from './token.js';

const params = z.object({ tokenId: pathId });
/** Of a tenant. */
const MAX_TOKENS = 1_000;

/** Whoever may change who has access sees every token of the tenant, others their own. */
export const tokenRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/api/v1/tokens',
    access: needs('self'),
    summary: 'Lists API tokens: administrators see all of the tenant, others their own.',
    answers: { 200: { description: 'All of them, by name.', json: listOf(apiToken) } },
    async handle({ server: { database }, principal }) {
      const rows = await visibleTokens(database.sql, principal).orderBy('name').execute();
      return { items: rows.map(tokenOf) };
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/tokens',
    access: needs('self'),
    summary: 'Makes an API token. It never may more than whoever makes it.',
    body: { json: newApiToken },
    answers: { 201: { description: 'The token, shown this once; 409 when the name is taken.', json: createdApiToken } },
    async handle({ server: { database }, tenant, principal, body: { name, role, expiresAt = null }, now }) {
      requireRightsOf(principal, role);
      if (expiresAt !== null && expiresAt <= now) throw badRequest('the token would have expired already');
      const token = newToken();
      const made = await database.transaction(async (tx) => {
        const what = { action: 'token.created', object: `token:${name}`, detail: { role, expiresAt } };
        await audit(tx, { tenantId: tenant.id, actor: principal.name, ...what, now });
        await makeRoom(tx, tenant.id, name);
        return tx
          .insertInto('api_token')
          .values({
            tenant_id: tenant.id,
            name,
            role,
            token_hash: tokenHash(token),
            operator_id: principal.operatorId ?? principal.creatorId ?? null,
            created_by: principal.name,
            created_at: now,
            expires_at: expiresAt,
          })
          .returning(COLUMNS)
          .executeTakeFirstOrThrow();
      });
      return new Answer(201, { ...tokenOf(made), token });
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/tokens/{tokenId}',
    access: needs('self'),
    summary: 'Tells of one API token, never the token itself.',
    params,
    answers: { 200: { description: 'The token.', json: apiToken } },
    async handle({ server: { database }, principal, params: { tokenId } }) {
      const row = await visibleTokens(database.sql, principal).where('id', '=', tokenId).executeTakeFirst();
      if (row === undefined) throw notFound('such token');
      return tokenOf(row);
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/tokens/{tokenId}',
    access: needs('self'),
    summary: 'Revokes an API token.',
    params,
    answers: { 204: { description: 'No process of the server takes it any more.' } },
    async handle({ server: { database }, tenant, principal, params: { tokenId }, now }) {
      await database.transaction(async (tx) => {
        const row = await visibleTokens(tx, principal).where('id', '=', tokenId).executeTakeFirst();
        if (row === undefined) throw notFound('such token');
        if (row.revoked_at !== null) return;
        const what = { action: 'token.revoked', object: `token:${row.name}`, detail: {} };
        await audit(tx, { tenantId: tenant.id, actor: principal.name, ...what, now });
        await tx.updateTable('api_token').set({ revoked_at: now }).where('id', '=', tokenId).execute();
      });
      return new Answer(204);
    },
  }),
];

const COLUMNS = [
  'id',
  'name',
  'role',
  'created_by',
  'created_at',
  'expires_at',
  'revoked_at',
  'last_used_at',
] as const satisfies (keyof Schema['api_token'])[];

interface TokenRow {
  id: number;
  name: string;
  role: string;
  created_by: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  last_used_at: number | null;
}

function visibleTokens(db: Queryable, { tenant, permissions, operatorId, creatorId }: OperatorPrincipal) {
  const all = db.selectFrom('api_token').select(COLUMNS).where('tenant_id', '=', tenant.id);
  return permissions.has('access:write') ? all : all.where('operator_id', '=', operatorId ?? creatorId ?? 0);
}

function tokenOf(row: TokenRow): ApiToken {
  return {
    id: row.id,
    name: row.name,
    role: row.role as Role,
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  };
}

/** @throws ServerFailure 403 */
function requireRightsOf(principal: OperatorPrincipal, role: Role): void {
  const beyond = [...permissionsOf(role, principal.tenant.name)].find(
    (permission) => !principal.permissions.has(permission),
  );
  if (beyond === undefined) return;
  throw new ServerFailure(403, 'FORBIDDEN', `a token of the role ${role} would allow ${beyond}, which you may not`);
}

/** A name is free again once its token was revoked. @throws ServerFailure 409 */
async function makeRoom(tx: Transaction<Schema>, tenantId: number, name: string): Promise<void> {
  await tx
    .deleteFrom('api_token')
    .where('tenant_id', '=', tenantId)
    .where('name', '=', name)
    .where('revoked_at', 'is not', null)
    .execute();
  const rows = await tx.selectFrom('api_token').select('name').where('tenant_id', '=', tenantId).execute();
  if (rows.some((row) => row.name === name)) throw conflict(`there is a token ${name} already`, ['Revoke it first.']);
  if (rows.length >= MAX_TOKENS) throw conflict(`the tenant has ${MAX_TOKENS} tokens`, ['Revoke those not needed.']);
}
