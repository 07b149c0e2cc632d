import { type SqlBool, sql, type Transaction } from 'kysely';
import * as z from 'zod/mini';
import { escapeText } from '../../core/text.js';
import { FieldTable } from '../../query/fields.js';
import { versionOrderKey } from '../../query/version-order.js';
import {
  managementInvalidation,
  managementModuleIds,
  managementSetChange,
  managementSets,
  managementTargetAssignments,
} from '../../wire/management.js';
import type { Assigned } from '../actions/assign-set.js';
import { cancelActions } from '../actions/cancel-action.js';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { badRequest, conflict, notFound, ServerFailure } from '../http/server-failure.js';
import { changeRollout } from '../rollouts/change-rollout.js';
import { statusesFor } from '../rollouts/operator-verbs.js';
import { assignAsAsked, assignmentBody, assignOptions } from './assign-devices.js';
import { change } from './change.js';
import { type EntityFields, entityPage } from './entity-page.js';
import { linksOf } from './links.js';
import { listDevices } from './list-devices.js';
import { listQuery, pagedList, pathId } from './list-query.js';
import { findModule, moduleBody } from './module-body.js';
import { findSet, modulesBySet, type SetRow, setBody, setsOf } from './set-body.js';
import { deviceIdsOf } from './tag-routes.js';

const FIELDS: EntityFields = {
  table: new FieldTable('a distribution set', {
    id: { type: 'number' },
    name: { type: 'text' },
    version: { type: 'text' },
    description: { type: 'text' },
    type: { type: 'text', aliases: ['type.key'] },
    complete: { type: 'boolean' },
    valid: { type: 'boolean' },
    createdAt: { type: 'number' },
    createdBy: { type: 'text' },
  }),
  columns: {
    id: sql.ref('distribution_set.id'),
    name: sql.ref('distribution_set.name'),
    version: sql.ref('distribution_set.version'),
    description: sql.ref('distribution_set.description'),
    type: sql.ref('type_key'),
    // Every type that the set's type demands, as an element of its JSON array, is among those of its modules.
    complete: sql`(select case when count(*) = 0 then 1 else 0 end from software_module_type as demanded
      where demanded.tenant_id = distribution_set.tenant_id
      and mandatory_types like '%"' || demanded.key || '"%'
      and not exists (select 1 from distribution_set_module
        inner join software_module on software_module.id = distribution_set_module.module_id
        where distribution_set_module.set_id = distribution_set.id and software_module.type_key = demanded.key))`,
    valid: sql`(case when invalidated_at is null then 1 else 0 end)`,
    createdAt: sql.ref('distribution_set.created_at'),
    createdBy: sql.ref('distribution_set.created_by'),
  },
};
const setPath = z.object({ id: pathId });

/** Distribution sets: modules that belong together. */
export const setRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/rest/v1/distributionsets',
    access: needs('software:read'),
    summary: 'Lists distribution sets.',
    query: listQuery,
    answers: { 200: { description: 'A page of sets.' } },
    async handle({ server: { database }, tenant, query, now, request }) {
      const all = setsOf(database.sql, tenant.id).where('deleted_at', 'is', null);
      const { rows, total } = await entityPage(all, FIELDS, { ...query, now });
      const ids = rows.map(({ id }) => id);
      const modules = await modulesBySet(database.sql, tenant.id, ids);
      const link = linksOf(request);
      return pagedList(
        rows.map((set) => setBody(set, modules.get(set.id) ?? [], link)),
        total,
      );
    },
  }),
  route({
    method: 'POST',
    path: '/rest/v1/distributionsets',
    access: needs('software:write'),
    summary: 'Makes distribution sets, all of them or none.',
    body: { json: managementSets },
    answers: { 201: { description: 'The sets.' }, 409: { description: 'There is one of this name and version.' } },
    async handle(call) {
      const { tenant, principal, body, now, request } = call;
      const link = linksOf(request);
      const bodies = await change(call, async (tx) => {
        const ids: number[] = [];
        for (const { name, version, type = 'os', description, requiredMigrationStep, modules = [] } of body) {
          await refuseTaken(tx, tenant.id, { name, version });
          await requireType(tx, tenant.id, type);
          const { id } = await tx
            .insertInto('distribution_set')
            .values({
              ...{ tenant_id: tenant.id, type_key: type, name, version, description },
              ...{ version_order: versionOrderKey(version) ?? '', created_at: now, created_by: principal.name },
              is_migration_required: requiredMigrationStep === true ? 1 : 0,
            })
            .returning('id')
            .executeTakeFirstOrThrow();
          const moduleIds = modules.map((module) => module.id);
          await addModules(tx, await findSet(tx, tenant.id, id), moduleIds);
          ids.push(id);
        }
        const result = await Promise.all(ids.map((id) => wholeSet(tx, tenant.id, id, link)));
        const detail = { sets: body.map(({ name, version }) => `${name} ${version}`) };
        return { result, audit: { action: 'set.created', object: ids.map((id) => `set:${id}`).join(' '), detail } };
      });
      return new Answer(201, bodies);
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/distributionsets/{id}',
    access: needs('software:read'),
    summary: 'Tells about a distribution set.',
    params: setPath,
    answers: { 200: { description: 'The set.' } },
    handle: ({ server, tenant, params, request }) =>
      wholeSet(server.database.sql, tenant.id, params.id, linksOf(request)),
  }),
  route({
    method: 'PUT',
    path: '/rest/v1/distributionsets/{id}',
    access: needs('software:write'),
    summary: 'Changes a distribution set.',
    params: setPath,
    body: { json: managementSetChange },
    answers: { 200: { description: 'The set as it is now.' }, 409: { description: 'There is one of this name.' } },
    async handle(call) {
      const { tenant, params, body, request } = call;
      return change(call, async (tx) => {
        const known = await findSet(tx, tenant.id, params.id);
        const { name = known.name, version = known.version, description = known.description } = body;
        await refuseTaken(tx, tenant.id, { name, version, ownId: params.id });
        const migration = body.requiredMigrationStep ?? known.is_migration_required === 1;
        await tx
          .updateTable('distribution_set')
          .set({
            ...{ name, version, description, version_order: versionOrderKey(version) ?? '' },
            is_migration_required: migration ? 1 : 0,
          })
          .where('id', '=', params.id)
          .execute();
        return {
          result: await wholeSet(tx, tenant.id, params.id, linksOf(request)),
          audit: { action: 'set.changed', object: `set:${params.id}`, detail: { name, version, description } },
        };
      });
    },
  }),
  route({
    method: 'DELETE',
    path: '/rest/v1/distributionsets/{id}',
    access: needs('software:write'),
    summary: 'Removes a distribution set; devices that have it keep it.',
    params: setPath,
    answers: { 204: { description: 'It is gone.' } },
    async handle(call) {
      const { tenant, params, now } = call;
      await change(call, async (tx) => {
        const { name, version } = await findSet(tx, tenant.id, params.id);
        // History, rollouts and releases may still speak of it, so it stays, unseen.
        await tx.updateTable('distribution_set').set({ deleted_at: now }).where('id', '=', params.id).execute();
        const detail = { name, version };
        return { result: undefined, audit: { action: 'set.deleted', object: `set:${params.id}`, detail } };
      });
      return new Answer(204);
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/distributionsets/{id}/assignedSM',
    access: needs('software:read'),
    summary: 'Lists the modules of a distribution set.',
    params: setPath,
    query: listQuery,
    answers: { 200: { description: 'A page of modules.' } },
    async handle({ server: { database }, tenant, params, query: { offset, limit }, request }) {
      await findSet(database.sql, tenant.id, params.id);
      const modules = (await modulesBySet(database.sql, tenant.id, [params.id])).get(params.id) ?? [];
      const link = linksOf(request);
      const page = modules.slice(offset, offset + limit);
      return pagedList(
        page.map((module) => moduleBody(module, link)),
        modules.length,
      );
    },
  }),
  route({
    method: 'POST',
    path: '/rest/v1/distributionsets/{id}/assignedSM',
    access: needs('software:write'),
    summary: 'Adds modules to a distribution set.',
    params: setPath,
    body: { json: managementModuleIds },
    answers: { 204: { description: 'They are in it.' } },
    async handle(call) {
      const { tenant, params, body } = call;
      await change(call, async (tx) => {
        const moduleIds = body.map(({ id }) => id);
        const set = await findSet(tx, tenant.id, params.id);
        await refuseUsed(tx, set);
        await addModules(tx, set, moduleIds);
        const detail = { added: moduleIds };
        return { result: undefined, audit: { action: 'set.modules', object: `set:${params.id}`, detail } };
      });
      return new Answer(204);
    },
  }),
  route({
    method: 'DELETE',
    path: '/rest/v1/distributionsets/{id}/assignedSM/{moduleId}',
    access: needs('software:write'),
    summary: 'Takes a module out of a distribution set.',
    params: z.object({ id: pathId, moduleId: pathId }),
    answers: { 204: { description: 'It is out.' } },
    async handle(call) {
      const { tenant, params } = call;
      await change(call, async (tx) => {
        const set = await findSet(tx, tenant.id, params.id);
        await findModule(tx, tenant.id, params.moduleId);
        await refuseUsed(tx, set);
        const { numDeletedRows } = await tx
          .deleteFrom('distribution_set_module')
          .where('set_id', '=', params.id)
          .where('module_id', '=', params.moduleId)
          .executeTakeFirstOrThrow();
        if (numDeletedRows === 0n) throw notFound(`module ${params.moduleId} in distribution set ${params.id}`);
        const detail = { removed: [params.moduleId] };
        return { result: undefined, audit: { action: 'set.modules', object: `set:${params.id}`, detail } };
      });
      return new Answer(204);
    },
  }),
  devicesRoute('assignedTargets', 'assigned_set_id', 'Lists the devices that are meant to have a distribution set.'),
  devicesRoute('installedTargets', 'installed_set_id', 'Lists the devices that have a distribution set.'),
  route({
    method: 'POST',
    path: '/rest/v1/distributionsets/{id}/assignedTargets',
    access: needs('rollouts:write'),
    summary: 'Gives devices a distribution set; with `offline`, writes down that they have it.',
    params: setPath,
    query: z.object({ offline: z.optional(z.enum(['true', 'false'])) }),
    body: { json: managementTargetAssignments, maxBytes: 4 * 1024 ** 2, maxValues: 256 * 1024 },
    answers: { 200: { description: 'How many, and the actions that do it.' } },
    async handle(call) {
      const { tenant, params, body, request } = call;
      const options = await assignOptions(call);
      return change(call, async (tx) => {
        const results: Assigned[] = [];
        const names = new Map<number, string>();
        // Those that are given it in the same way are given it together.
        const alike = Map.groupBy(body, ({ id: _, ...how }) => JSON.stringify(how));
        for (const [first, ...rest] of alike.values()) {
          const { id, ...how } = first!;
          const controllerIds = [...new Set([id, ...rest.map((one) => one.id)])];
          const deviceIds = await deviceIdsOf(tx, tenant.id, controllerIds);
          for (const [index, deviceId] of deviceIds.entries()) names.set(deviceId, controllerIds[index]!);
          results.push(await assignAsAsked(tx, { ...how, id: params.id }, deviceIds, options));
        }
        const detail = { devices: body.length, first: body[0]!.id, offline: options.isOffline };
        return {
          result: assignmentBody(results, (id) => names.get(id)!, linksOf(request)),
          events: results.flatMap(({ events }) => events),
          audit: { action: 'set.assigned', object: `set:${params.id}`, detail },
        };
      });
    },
  }),
  route({
    method: 'POST',
    path: '/rest/v1/distributionsets/{id}/invalidate',
    access: needs('software:write'),
    summary: 'Lets no device get a distribution set any more; can cancel what is under way, and stop its rollouts.',
    params: setPath,
    body: { json: managementInvalidation },
    answers: { 204: { description: 'So it is.' } },
    async handle(call) {
      const { tenant, principal, params, body, now } = call;
      const { actionCancelationType: cancelation, cancelRollouts = cancelation !== 'none' } = body;
      await change(call, async (tx) => {
        await findSet(tx, tenant.id, params.id);
        await tx
          .updateTable('distribution_set')
          .set({ invalidated_at: now })
          .where('id', '=', params.id)
          .where('invalidated_at', 'is', null)
          .execute();
        const events = cancelRollouts ? await stopRollouts(tx, { tenantId: tenant.id, setId: params.id, now }) : [];
        if (cancelation !== 'none') {
          const actionIds = await activeActionIds(tx, tenant.id, params.id);
          const isForced = cancelation === 'force';
          events.push(
            ...(await cancelActions(tx, { tenantId: tenant.id, actor: principal.name, now, actionIds, isForced })),
          );
        }
        const detail = { cancelation, cancelRollouts };
        return { result: undefined, events, audit: { action: 'set.invalidated', object: `set:${params.id}`, detail } };
      });
      return new Answer(204);
    },
  }),
];

function devicesRoute(name: string, column: 'assigned_set_id' | 'installed_set_id', summary: string): RouteDefinition {
  return route({
    method: 'GET',
    path: `/rest/v1/distributionsets/{id}/${name}`,
    access: needs('devices:read'),
    summary,
    params: setPath,
    query: listQuery,
    answers: { 200: { description: 'A page of devices.' } },
    async handle(call) {
      const { server, tenant, params } = call;
      await findSet(server.database.sql, tenant.id, params.id);
      return listDevices(call, [sql<SqlBool>`${sql.ref(`device.${column}`)} = ${params.id}`]);
    },
  });
}

async function wholeSet(
  db: Queryable,
  tenantId: number,
  id: number,
  link: ReturnType<typeof linksOf>,
): Promise<object> {
  const set = await findSet(db, tenantId, id);
  const modules = await modulesBySet(db, tenantId, [id]);
  return setBody(set, modules.get(id) ?? [], link);
}

async function refuseTaken(
  tx: Transaction<Schema>,
  tenantId: number,
  { name, version, ownId = 0 }: { name: string; version: string; ownId?: number },
): Promise<void> {
  const other = await tx
    .selectFrom('distribution_set')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('name', '=', name)
    .where('version', '=', version)
    .where('deleted_at', 'is', null)
    .where('id', '!=', ownId)
    .executeTakeFirst();
  if (other === undefined) return;
  throw conflict(`there is a distribution set "${escapeText(name)}" ${escapeText(version)} already`);
}

async function requireType(tx: Transaction<Schema>, tenantId: number, key: string): Promise<void> {
  const type = await tx
    .selectFrom('distribution_set_type')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('key', '=', key)
    .executeTakeFirst();
  if (type === undefined) throw notFound(`set type "${key}"`);
}

/** What devices have been given under a name and version stays what it was. @throws ServerFailure 423 */
async function refuseUsed(tx: Transaction<Schema>, { id }: SetRow): Promise<void> {
  const action = await tx.selectFrom('action').select('id').where('set_id', '=', id).limit(1).executeTakeFirst();
  const rollout = await tx.selectFrom('rollout').select('id').where('set_id', '=', id).limit(1).executeTakeFirst();
  if (action === undefined && rollout === undefined) return;
  throw new ServerFailure(
    423,
    'SET_LOCKED',
    `distribution set ${id} was given to devices, so its modules stay as they are`,
  );
}

/** @throws ServerFailure 404, 400 when the set's type does not allow a module */
async function addModules(tx: Transaction<Schema>, set: SetRow, moduleIds: readonly number[]): Promise<void> {
  const allowed = [...(JSON.parse(set.mandatory_types) as string[]), ...(JSON.parse(set.optional_types) as string[])];
  for (const moduleId of moduleIds) {
    const module = await findModule(tx, set.tenant_id, moduleId);
    if (!allowed.includes(module.type_key)) {
      throw badRequest(
        `module ${moduleId} is of type ${module.type_key}, a set of type ${set.type_key} has ${allowed.join(', ')}`,
      );
    }
    await tx
      .insertInto('distribution_set_module')
      .values({ set_id: set.id, module_id: moduleId, tenant_id: set.tenant_id })
      .onConflict((taken) => taken.columns(['set_id', 'module_id']).doNothing())
      .execute();
  }
  const modules = (await modulesBySet(tx, set.tenant_id, [set.id])).get(set.id) ?? [];
  for (const [type, of] of Map.groupBy(modules, ({ type_key }) => type_key)) {
    const { max_assignments: most } = await tx
      .selectFrom('software_module_type')
      .select('max_assignments')
      .where('tenant_id', '=', set.tenant_id)
      .where('key', '=', type)
      .executeTakeFirstOrThrow();
    if (of.length > most) throw badRequest(`a set has at most ${most} of the type ${type}, ${of.length} were given`);
  }
}

async function activeActionIds(tx: Transaction<Schema>, tenantId: number, setId: number): Promise<number[]> {
  const rows = await tx
    .selectFrom('action')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('set_id', '=', setId)
    .where('is_active', '=', 1)
    .execute();
  return rows.map(({ id }) => id);
}

async function stopRollouts(
  tx: Transaction<Schema>,
  { tenantId, setId, now }: { tenantId: number; setId: number; now: number },
) {
  const rollouts = await tx
    .selectFrom('rollout')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('set_id', '=', setId)
    .where('deleted_at', 'is', null)
    .where('status', 'in', statusesFor('stop'))
    .execute();
  const events = await Promise.all(
    rollouts.map(({ id }) => changeRollout(tx, 'stop', { tenantId, rolloutId: id, now })),
  );
  return events.flat();
}
