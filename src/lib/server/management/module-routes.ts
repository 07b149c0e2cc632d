import { sql } from 'kysely';
import * as z from 'zod/mini';
import { escapeText } from '../../core/text.js';
import { FieldTable } from '../../query/fields.js';
import { managementModuleChange, managementModules } from '../../wire/management.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { badRequest, conflict, ServerFailure } from '../http/server-failure.js';
import { change } from './change.js';
import { type EntityFields, entityPage } from './entity-page.js';
import { linksOf } from './links.js';
import { listQuery, pagedList, pathId } from './list-query.js';
import { findModule, moduleBody, modulesOf } from './module-body.js';

const FIELDS: EntityFields = {
  table: new FieldTable('a software module', {
    id: { type: 'number' },
    name: { type: 'text' },
    version: { type: 'text' },
    type: { type: 'text', aliases: ['type.key'] },
    vendor: { type: 'text' },
    description: { type: 'text' },
    createdAt: { type: 'number' },
    createdBy: { type: 'text' },
  }),
  columns: {
    id: sql.ref('software_module.id'),
    name: sql.ref('software_module.name'),
    version: sql.ref('version'),
    type: sql.ref('type_key'),
    vendor: sql.ref('vendor'),
    description: sql.ref('description'),
    createdAt: sql.ref('created_at'),
    createdBy: sql.ref('created_by'),
  },
};
const modulePath = z.object({ id: pathId });

/** Software modules; their files are in `artifact-routes`. */
export const moduleRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/rest/v1/softwaremodules',
    access: needs('software:read'),
    summary: 'Lists software modules.',
    query: listQuery,
    answers: { 200: { description: 'A page of modules.' } },
    async handle({ server: { database }, tenant, query, now, request }) {
      const all = modulesOf(database.sql, tenant.id).where('deleted_at', 'is', null);
      const { rows, total } = await entityPage(all, FIELDS, { ...query, now });
      const link = linksOf(request);
      return pagedList(
        rows.map((module) => moduleBody(module, link)),
        total,
      );
    },
  }),
  route({
    method: 'POST',
    path: '/rest/v1/softwaremodules',
    access: needs('software:write'),
    summary: 'Makes software modules, all of them or none.',
    body: { json: managementModules },
    answers: { 201: { description: 'The modules.' }, 409: { description: 'There is one of this name and version.' } },
    async handle(call) {
      const { tenant, principal, body, now, request } = call;
      const link = linksOf(request);
      const bodies = await change(call, async (tx) => {
        const result: object[] = [];
        const ids: number[] = [];
        for (const { name, version, type, vendor, description, encrypted } of body) {
          if (encrypted === true) throw badRequest('encrypted is true, but this server encrypts no modules');
          const known = await tx
            .selectFrom('software_module_type')
            .select('id')
            .where('tenant_id', '=', tenant.id)
            .where('key', '=', type)
            .executeTakeFirst();
          if (known === undefined) throw new ServerFailure(404, 'NOT_FOUND', `there is no module type "${type}"`);
          const other = await modulesOf(tx, tenant.id)
            .where('software_module.name', '=', name)
            .where('version', '=', version)
            .where('type_key', '=', type)
            .where('deleted_at', 'is', null)
            .executeTakeFirst();
          if (other !== undefined) {
            throw conflict(`there is a software module "${escapeText(name)}" ${escapeText(version)} already`);
          }
          const { id } = await tx
            .insertInto('software_module')
            .values({
              ...{ tenant_id: tenant.id, type_key: type, name, version, vendor, description },
              ...{ created_at: now, created_by: principal.name },
            })
            .returning('id')
            .executeTakeFirstOrThrow();
          ids.push(id);
          result.push(moduleBody(await findModule(tx, tenant.id, id), link));
        }
        const detail = { modules: body.map(({ name, version }) => `${name} ${version}`) };
        return {
          result,
          audit: { action: 'module.created', object: ids.map((id) => `module:${id}`).join(' '), detail },
        };
      });
      return new Answer(201, bodies);
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/softwaremodules/{id}',
    access: needs('software:read'),
    summary: 'Tells about a software module.',
    params: modulePath,
    answers: { 200: { description: 'The module.' } },
    handle: async ({ server, tenant, params, request }) =>
      moduleBody(await findModule(server.database.sql, tenant.id, params.id), linksOf(request)),
  }),
  route({
    method: 'PUT',
    path: '/rest/v1/softwaremodules/{id}',
    access: needs('software:write'),
    summary: 'Changes what is said about a software module.',
    params: modulePath,
    body: { json: managementModuleChange },
    answers: { 200: { description: 'The module as it is now.' } },
    async handle(call) {
      const { tenant, params, body, request } = call;
      const module = await change(call, async (tx) => {
        const known = await findModule(tx, tenant.id, params.id);
        const { description = known.description, vendor = known.vendor } = body;
        await tx.updateTable('software_module').set({ description, vendor }).where('id', '=', params.id).execute();
        return {
          result: { ...known, description, vendor },
          audit: { action: 'module.changed', object: `module:${params.id}`, detail: { description, vendor } },
        };
      });
      return moduleBody(module, linksOf(request));
    },
  }),
  route({
    method: 'DELETE',
    path: '/rest/v1/softwaremodules/{id}',
    access: needs('software:write'),
    summary: 'Removes a software module; one that is in a set stays there.',
    params: modulePath,
    answers: { 204: { description: 'It is gone.' } },
    async handle(call) {
      const { tenant, params, now } = call;
      await change(call, async (tx) => {
        const { name, version } = await findModule(tx, tenant.id, params.id);
        const used = await tx
          .selectFrom('distribution_set_module')
          .select('set_id')
          .where('module_id', '=', params.id)
          .limit(1)
          .executeTakeFirst();
        const withFiles = await tx.selectFrom('artifact').select('id').where('module_id', '=', params.id).execute();
        if (used !== undefined || withFiles.length > 0) {
          await tx.updateTable('software_module').set({ deleted_at: now }).where('id', '=', params.id).execute();
        } else {
          await tx.deleteFrom('software_module').where('id', '=', params.id).execute();
        }
        const detail = { name, version };
        return { result: undefined, audit: { action: 'module.deleted', object: `module:${params.id}`, detail } };
      });
      return new Answer(204);
    },
  }),
];
