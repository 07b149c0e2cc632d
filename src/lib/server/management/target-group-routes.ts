import { type Expression, type SqlBool, sql, type Transaction } from 'kysely';
import * as z from 'zod/mini';
import { controllerIds } from '../../wire/management.js';
import type { ServerContext } from '../context.js';
import { chunksOf } from '../database/chunks.js';
import type { Schema } from '../database/schema.js';
import { fiqlCondition } from '../devices/fiql-condition.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { type Changing, change } from './change.js';
import { listDevices } from './list-devices.js';
import { listQuery } from './list-query.js';
import { deviceIdsOf } from './tag-routes.js';

const groupName = z.string().check(z.minLength(1), z.maxLength(256));
const fiql = z.string().check(z.minLength(1), z.maxLength(16 * 1024));

/** The groups that devices are in: each in one at most, by its name. */
export const targetGroupRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/rest/v1/targetgroups',
    access: needs('devices:read'),
    summary: 'Lists the names of groups that devices are in.',
    answers: { 200: { description: 'All names.' } },
    async handle({ server: { database }, tenant }) {
      const rows = await database.sql
        .selectFrom('device')
        .select('group_name')
        .distinct()
        .where('tenant_id', '=', tenant.id)
        .where('group_name', 'is not', null)
        .orderBy('group_name')
        .execute();
      return rows.map(({ group_name }) => group_name);
    },
  }),
  route({
    method: 'PUT',
    path: '/rest/v1/targetgroups',
    access: needs('devices:write'),
    summary: 'Puts devices that a filter chooses into a group.',
    query: z.object({ group: groupName, q: fiql }),
    answers: { 204: { description: 'They are in it.' } },
    handle: (call) => regroup(call, call.query.group, { fiql: call.query.q }),
  }),
  route({
    method: 'DELETE',
    path: '/rest/v1/targetgroups',
    access: needs('devices:write'),
    summary: 'Takes devices that a filter chooses out of their groups.',
    query: z.object({ q: fiql }),
    answers: { 204: { description: 'They are in none.' } },
    handle: (call) => regroup(call, null, { fiql: call.query.q }),
  }),
  route({
    method: 'GET',
    path: '/rest/v1/targetgroups/{group}/assigned',
    access: needs('devices:read'),
    summary: 'Lists the devices of a group.',
    params: z.object({ group: groupName }),
    query: listQuery,
    answers: { 200: { description: 'A page of devices.' } },
    async handle(call) {
      const inGroup = sql<boolean>`device.group_name = ${call.params.group}`;
      return listDevices(call, [inGroup]);
    },
  }),
  route({
    method: 'PUT',
    path: '/rest/v1/targetgroups/{group}/assigned',
    access: needs('devices:write'),
    summary: 'Puts devices into a group, all of them or none.',
    params: z.object({ group: groupName }),
    body: { json: controllerIds, maxBytes: 4 * 1024 ** 2 },
    answers: { 204: { description: 'They are in it.' } },
    handle: (call) => regroup(call, call.params.group, { names: call.body }),
  }),
  route({
    method: 'DELETE',
    path: '/rest/v1/targetgroups/assigned',
    access: needs('devices:write'),
    summary: 'Takes devices out of their groups, all of them or none.',
    body: { json: controllerIds, maxBytes: 4 * 1024 ** 2 },
    answers: { 204: { description: 'They are in none.' } },
    handle: (call) => regroup(call, null, { names: call.body }),
  }),
];

type Chosen = { readonly fiql: string } | { readonly names: readonly string[] };

async function regroup(
  call: Changing & { readonly server: ServerContext },
  group: string | null,
  chosen: Chosen,
): Promise<Answer> {
  const { tenant, principal, now, server } = call;
  const settings = await server.tenantSettings.of(tenant.id);
  const condition = 'fiql' in chosen ? fiqlCondition(chosen.fiql, { tenantId: tenant.id, settings, now }) : undefined;
  await change(call, async (tx) => {
    const move = (where: Expression<SqlBool>) =>
      moveDevices(tx, where, { group, tenantId: tenant.id, now, by: principal.name });
    let moved = 0;
    if (condition !== undefined) moved = await move(condition);
    else if ('names' in chosen) {
      for (const chunk of chunksOf(await deviceIdsOf(tx, tenant.id, chosen.names), 1)) {
        moved += await move(sql<boolean>`id in (${sql.join([...chunk])})`);
      }
    }
    const detail = { group, devices: moved, ...('fiql' in chosen && { query: chosen.fiql }) };
    return { result: undefined, audit: { action: 'devices.grouped', object: `group:${group ?? ''}`, detail } };
  });
  return new Answer(204);
}

async function moveDevices(
  tx: Transaction<Schema>,
  where: Expression<SqlBool>,
  { group, tenantId, now, by }: { group: string | null; tenantId: number; now: number; by: string },
): Promise<number> {
  const { numUpdatedRows } = await tx
    .updateTable('device')
    .set({ group_name: group, updated_at: now, updated_by: by })
    .where('tenant_id', '=', tenantId)
    .where(where)
    .executeTakeFirstOrThrow();
  return Number(numUpdatedRows);
}
