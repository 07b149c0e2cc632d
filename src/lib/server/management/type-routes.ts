import { type Selectable, sql } from 'kysely';
import * as z from 'zod/mini';
import { FieldTable } from '../../query/fields.js';
import { managementModuleTypes, managementSetTypes } from '../../wire/management.js';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { badRequest, conflict, notFound } from '../http/server-failure.js';
import { change } from './change.js';
import { type EntityFields, entityPage } from './entity-page.js';
import { type LinkMaker, linksOf } from './links.js';
import { listQuery, pagedList, pathId } from './list-query.js';

type ModuleType = Selectable<Schema['software_module_type']>;
type SetType = Selectable<Schema['distribution_set_type']>;

const FIELDS: EntityFields = {
  table: new FieldTable('a type', { id: { type: 'number' }, key: { type: 'text' }, name: { type: 'text' } }),
  columns: { id: sql.ref('id'), key: sql.ref('key'), name: sql.ref('name') },
};
const typePath = z.object({ id: pathId });

/** What modules and sets can be; every tenant begins with hawkBit's own. */
export const typeRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/rest/v1/softwaremoduletypes',
    access: needs('software:read'),
    summary: 'Lists types of software modules.',
    query: listQuery,
    answers: { 200: { description: 'A page of types.' } },
    async handle({ server: { database }, tenant, query, now, request }) {
      const all = database.sql.selectFrom('software_module_type').selectAll().where('tenant_id', '=', tenant.id);
      const { rows, total } = await entityPage(all, FIELDS, { ...query, now });
      const link = linksOf(request);
      return pagedList(
        rows.map((type) => moduleTypeBody(type, link)),
        total,
      );
    },
  }),
  route({
    method: 'POST',
    path: '/rest/v1/softwaremoduletypes',
    access: needs('software:write'),
    summary: 'Makes types of software modules, all of them or none.',
    body: { json: managementModuleTypes },
    answers: { 201: { description: 'The types.' }, 409: { description: 'There is one of this key.' } },
    async handle(call) {
      const { tenant, body, request } = call;
      const types = await change(call, async (tx) => {
        const result: ModuleType[] = [];
        for (const { key, name, maxAssignments = 1 } of body) {
          const type = await tx
            .insertInto('software_module_type')
            .values({ tenant_id: tenant.id, key, name, max_assignments: maxAssignments })
            .onConflict((taken) => taken.columns(['tenant_id', 'key']).doNothing())
            .returningAll()
            .executeTakeFirst();
          if (type === undefined) throw conflict(`there is a module type "${key}" already`);
          result.push(type);
        }
        const object = result.map(({ id }) => `moduletype:${id}`).join(' ');
        return {
          result,
          audit: { action: 'moduletype.created', object, detail: { keys: body.map(({ key }) => key) } },
        };
      });
      const link = linksOf(request);
      return new Answer(
        201,
        types.map((type) => moduleTypeBody(type, link)),
      );
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/softwaremoduletypes/{id}',
    access: needs('software:read'),
    summary: 'Tells about a type of software modules.',
    params: typePath,
    answers: { 200: { description: 'The type.' } },
    async handle({ server: { database }, tenant, params, request }) {
      const type = await database.sql
        .selectFrom('software_module_type')
        .selectAll()
        .where('tenant_id', '=', tenant.id)
        .where('id', '=', params.id)
        .executeTakeFirst();
      if (type === undefined) throw notFound(`module type ${params.id}`);
      return moduleTypeBody(type, linksOf(request));
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/distributionsettypes',
    access: needs('software:read'),
    summary: 'Lists types of distribution sets.',
    query: listQuery,
    answers: { 200: { description: 'A page of types.' } },
    async handle({ server: { database }, tenant, query, now, request }) {
      const all = database.sql.selectFrom('distribution_set_type').selectAll().where('tenant_id', '=', tenant.id);
      const { rows, total } = await entityPage(all, FIELDS, { ...query, now });
      const link = linksOf(request);
      return pagedList(
        rows.map((type) => setTypeBody(type, link)),
        total,
      );
    },
  }),
  route({
    method: 'POST',
    path: '/rest/v1/distributionsettypes',
    access: needs('software:write'),
    summary: 'Makes types of distribution sets, all of them or none.',
    body: { json: managementSetTypes },
    answers: { 201: { description: 'The types.' }, 409: { description: 'There is one of this key.' } },
    async handle(call) {
      const { tenant, body, request } = call;
      const types = await change(call, async (tx) => {
        const result: SetType[] = [];
        for (const { key, name, mandatorymodules = [], optionalmodules = [] } of body) {
          const keysOf = async (types: readonly { id: number }[]) =>
            JSON.stringify(await Promise.all(types.map(({ id }) => moduleTypeKey(tx, tenant.id, id))));
          const type = await tx
            .insertInto('distribution_set_type')
            .values({
              ...{ tenant_id: tenant.id, key, name },
              mandatory_types: await keysOf(mandatorymodules),
              optional_types: await keysOf(optionalmodules),
            })
            .onConflict((taken) => taken.columns(['tenant_id', 'key']).doNothing())
            .returningAll()
            .executeTakeFirst();
          if (type === undefined) throw conflict(`there is a set type "${key}" already`);
          result.push(type);
        }
        const object = result.map(({ id }) => `settype:${id}`).join(' ');
        return { result, audit: { action: 'settype.created', object, detail: { keys: body.map(({ key }) => key) } } };
      });
      const link = linksOf(request);
      return new Answer(
        201,
        types.map((type) => setTypeBody(type, link)),
      );
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/distributionsettypes/{id}',
    access: needs('software:read'),
    summary: 'Tells about a type of distribution sets.',
    params: typePath,
    answers: { 200: { description: 'The type.' } },
    handle: async ({ server, tenant, params, request }) =>
      setTypeBody(await findSetType(server.database.sql, tenant.id, params.id), linksOf(request)),
  }),
  moduleTypesOf('mandatorymoduletypes', 'mandatory_types'),
  moduleTypesOf('optionalmoduletypes', 'optional_types'),
];

function moduleTypesOf(name: string, column: 'mandatory_types' | 'optional_types'): RouteDefinition {
  return route({
    method: 'GET',
    path: `/rest/v1/distributionsettypes/{id}/${name}`,
    access: needs('software:read'),
    summary: `Lists the types of modules that a set of a type ${column === 'mandatory_types' ? 'must' : 'may'} have.`,
    params: typePath,
    answers: { 200: { description: 'All of them.' } },
    async handle({ server: { database }, tenant, params, request }) {
      const type = await findSetType(database.sql, tenant.id, params.id);
      const keys = JSON.parse(type[column]) as string[];
      if (keys.length === 0) return [];
      const types = await database.sql
        .selectFrom('software_module_type')
        .selectAll()
        .where('tenant_id', '=', tenant.id)
        .where('key', 'in', keys)
        .orderBy('id')
        .execute();
      const link = linksOf(request);
      return types.map((one) => moduleTypeBody(one, link));
    },
  });
}

async function findSetType(db: Queryable, tenantId: number, id: number): Promise<SetType> {
  const type = await db
    .selectFrom('distribution_set_type')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .executeTakeFirst();
  if (type === undefined) throw notFound(`set type ${id}`);
  return type;
}

async function moduleTypeKey(db: Queryable, tenantId: number, id: number): Promise<string> {
  const type = await db
    .selectFrom('software_module_type')
    .select('key')
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .executeTakeFirst();
  if (type === undefined) throw badRequest(`there is no module type ${id}`);
  return type.key;
}

function moduleTypeBody({ id, key, name, max_assignments }: ModuleType, link: LinkMaker): object {
  return {
    ...{ id, key, name, maxAssignments: max_assignments, deleted: false },
    _links: { self: link(`/softwaremoduletypes/${id}`) },
  };
}

function setTypeBody({ id, key, name }: SetType, link: LinkMaker): object {
  const path = `/distributionsettypes/${id}`;
  return {
    ...{ id, key, name, deleted: false },
    _links: {
      self: link(path),
      mandatorymodules: link(`${path}/mandatorymoduletypes`),
      optionalmodules: link(`${path}/optionalmoduletypes`),
    },
  };
}
