import type { Transaction } from 'kysely';
import * as z from 'zod/mini';
import {
  listOf,
  newOperator,
  type Operator,
  operator,
  operatorChange,
  passwordChange,
  type Role,
} from '../../wire/access.js';
import { audit } from '../audit/audit.js';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { badRequest, conflict, notFound } from '../http/server-failure.js';
import { pathId } from './ids.js';
import { unauthenticated } from './unauthenticated.js';

const params = z.object({ operatorId: pathId });
const access = needs('access:write');

/** Names that stand for something else in the audit log. */
const RESERVED = new Set(['server', 'gateway']);

export const operatorRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/api/v1/operators',
    access,
    summary: 'Lists the operators of the tenant.',
    answers: { 200: { description: 'All of them, by name.', json: listOf(operator) } },
    async handle({ server: { database }, tenant }) {
      const rows = await operators(database.sql, tenant.id).orderBy('name').execute();
      return { items: rows.map(operatorOf) };
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/operators',
    access,
    summary: 'Adds an operator.',
    body: { json: newOperator },
    answers: { 201: { description: 'The operator; 409 when the name is taken.', json: operator } },
    async handle({ server: { access: control, database }, tenant, principal, body: { name, role, password }, now }) {
      if (RESERVED.has(name)) throw badRequest(`the name ${name} is reserved`);
      const hash = await control.passwords.hash(password);
      const added = await database.transaction(async (tx) => {
        const row = await tx
          .insertInto('operator')
          .values({ tenant_id: tenant.id, name, role, password_hash: hash, created_at: now })
          .onConflict((taken) => taken.columns(['tenant_id', 'name']).doNothing())
          .returning(['id', 'name', 'role', 'created_at', 'disabled_at'])
          .executeTakeFirst();
        if (row === undefined) throw conflict(`there is an operator ${name} already`, ['Change it with PATCH.']);
        const what = { action: 'operator.created', object: `operator:${name}`, detail: { role } };
        await audit(tx, { tenantId: tenant.id, actor: principal.name, ...what, now });
        return row;
      });
      return new Answer(201, operatorOf(added));
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/operators/{operatorId}',
    access,
    summary: 'Tells of one operator.',
    params,
    answers: { 200: { description: 'The operator.', json: operator } },
    async handle({ server: { database }, tenant, params: { operatorId } }) {
      return operatorOf(await operatorWith(database.sql, tenant.id, operatorId));
    },
  }),
  route({
    method: 'PATCH',
    path: '/api/v1/operators/{operatorId}',
    access,
    summary: 'Changes role or password of an operator, disables or enables one. A new password ends their sessions.',
    params,
    body: { json: operatorChange },
    answers: { 200: { description: 'The operator; 409 for the last administrator.', json: operator } },
    async handle({ server: { access: control, database }, tenant, principal, params: { operatorId }, body, now }) {
      const { role, password, isDisabled } = body;
      if (Object.keys(body).length === 0) throw badRequest('there is nothing to change');
      const { name } = await operatorWith(database.sql, tenant.id, operatorId);
      const hash = password === undefined ? undefined : await control.passwords.hash(password);
      const changed = await database.transaction(async (tx) => {
        // First, because it holds other changes of the tenant's log back: two administrators cannot demote each other.
        await audit(tx, {
          tenantId: tenant.id,
          actor: principal.name,
          action: 'operator.changed',
          object: `operator:${name}`,
          detail: {
            ...(role !== undefined && { role }),
            ...(isDisabled !== undefined && { isDisabled }),
            ...(hash !== undefined && { password: 'changed' }),
          },
          now,
        });
        const before = await operatorWith(tx, tenant.id, operatorId);
        await tx
          .updateTable('operator')
          .set({
            ...(role !== undefined && { role }),
            ...(hash !== undefined && { password_hash: hash }),
            ...(isDisabled !== undefined && { disabled_at: isDisabled ? now : null }),
          })
          .where('id', '=', operatorId)
          .where('tenant_id', '=', tenant.id)
          .execute();
        if (hash !== undefined || isDisabled) await endSessions(tx, operatorId, now);
        if (isAdmin(before)) await requireAdmin(tx, tenant.id);
        return operatorWith(tx, tenant.id, operatorId);
      });
      return operatorOf(changed);
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/operators/{operatorId}',
    access,
    summary: 'Removes an operator, with their sessions and tokens.',
    params,
    answers: { 204: { description: 'Removed; 409 for the last administrator.' } },
    async handle({ server: { database }, tenant, principal, params: { operatorId }, now }) {
      await database.transaction(async (tx) => {
        const { name } = await operatorWith(tx, tenant.id, operatorId);
        const what = { action: 'operator.removed', object: `operator:${name}`, detail: {} };
        await audit(tx, { tenantId: tenant.id, actor: principal.name, ...what, now });
        const before = await operatorWith(tx, tenant.id, operatorId);
        await tx.deleteFrom('operator').where('id', '=', operatorId).where('tenant_id', '=', tenant.id).execute();
        if (isAdmin(before)) await requireAdmin(tx, tenant.id);
      });
      return new Answer(204);
    },
  }),
  route({
    method: 'PUT',
    path: '/api/v1/password',
    access: needs('self'),
    summary: "Changes the caller's own password, and ends their other sessions.",
    body: { json: passwordChange, maxBytes: 16 * 1024 },
    answers: { 204: { description: 'Changed; 401 when the current one is wrong.' } },
    async handle({ server: { access: control, database }, tenant, principal, body, request, now }) {
      const { operatorId, sessionId, name } = principal;
      if (operatorId === undefined) throw badRequest('a token has no password');
      const login = { tenant: tenant.name, name, password: body.current, address: request.ip };
      if ((await control.passwords.check(login)) !== operatorId) throw unauthenticated();
      const hash = await control.passwords.hash(body.next);
      await database.transaction(async (tx) => {
        await tx.updateTable('operator').set({ password_hash: hash }).where('id', '=', operatorId).execute();
        await endSessions(tx, operatorId, now, sessionId);
        const what = { action: 'operator.password.changed', object: `operator:${name}`, detail: {} };
        await audit(tx, { tenantId: tenant.id, actor: name, ...what, now });
      });
      return new Answer(204);
    },
  }),
];

interface OperatorRow {
  id: number;
  name: string;
  role: string;
  created_at: number;
  disabled_at: number | null;
}

function operators(db: Queryable, tenantId: number) {
  return db
    .selectFrom('operator')
    .select(['id', 'name', 'role', 'created_at', 'disabled_at'])
    .where('tenant_id', '=', tenantId);
}

async function operatorWith(db: Queryable, tenantId: number, id: number): Promise<OperatorRow> {
  const row = await operators(db, tenantId).where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw notFound('such operator');
  return row;
}

function operatorOf({ id, name, role, created_at, disabled_at }: OperatorRow): Operator {
  return { id, name, role: role as Role, createdAt: created_at, isDisabled: disabled_at !== null };
}

async function endSessions(tx: Transaction<Schema>, operatorId: number, now: number, except = ''): Promise<void> {
  await tx
    .updateTable('session')
    .set({ revoked_at: now })
    .where('operator_id', '=', operatorId)
    .where('id', '!=', except)
    .where('revoked_at', 'is', null)
    .execute();
}

function isAdmin({ role, disabled_at }: OperatorRow): boolean {
  return role === 'admin' && disabled_at === null;
}

/** @throws ServerFailure 409: nobody would be left who could let anybody in */
async function requireAdmin(tx: Transaction<Schema>, tenantId: number): Promise<void> {
  const admin = await operators(tx, tenantId)
    .where('role', '=', 'admin')
    .where('disabled_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  if (admin === undefined) throw conflict('the tenant would have no administrator', ['Make another one first.']);
}
