import { type Selectable, sql } from 'kysely';
import * as z from 'zod/mini';
import { escapeText } from '../../core/text.js';
import { FieldTable } from '../../query/fields.js';
import { managementFilter, managementFilterChange } from '../../wire/management.js';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { fiqlCondition } from '../devices/fiql-condition.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { conflict, notFound } from '../http/server-failure.js';
import { change } from './change.js';
import { type EntityFields, entityPage } from './entity-page.js';
import { type LinkMaker, linksOf } from './links.js';
import { listQuery, pagedList, pathId } from './list-query.js';

type FilterRow = Selectable<Schema['device_filter']>;

const FIELDS: EntityFields = {
  table: new FieldTable('a filter', { id: { type: 'number' }, name: { type: 'text' }, query: { type: 'text' } }),
  columns: { id: sql.ref('id'), name: sql.ref('name'), query: sql.ref('query') },
};
const filterPath = z.object({ id: pathId });

/** Saved selections of devices. */
export const targetFilterRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/rest/v1/targetfilters',
    access: needs('devices:read'),
    summary: 'Lists saved filters of devices.',
    query: listQuery,
    answers: { 200: { description: 'A page of filters.' } },
    async handle({ server: { database }, tenant, query, now, request }) {
      const all = database.sql.selectFrom('device_filter').selectAll().where('tenant_id', '=', tenant.id);
      const { rows, total } = await entityPage(all, FIELDS, { ...query, now });
      const link = linksOf(request);
      return pagedList(
        rows.map((filter) => filterBody(filter, link)),
        total,
      );
    },
  }),
  route({
    method: 'POST',
    path: '/rest/v1/targetfilters',
    access: needs('devices:write'),
    summary: 'Saves a filter of devices.',
    body: { json: managementFilter },
    answers: { 201: { description: 'The filter.' }, 409: { description: 'There is one of this name.' } },
    async handle(call) {
      const { server, tenant, principal, body, now, request } = call;
      fiqlCondition(body.query, { tenantId: tenant.id, settings: await server.tenantSettings.of(tenant.id), now });
      const filter = await change(call, async (tx) => {
        await refuseTaken(tx, tenant.id, body.name, 0);
        const result = await tx
          .insertInto('device_filter')
          .values({ tenant_id: tenant.id, ...body, created_at: now, created_by: principal.name })
          .returningAll()
          .executeTakeFirstOrThrow();
        return { result, audit: { action: 'filter.created', object: `filter:${result.id}`, detail: body } };
      });
      return new Answer(201, filterBody(filter, linksOf(request)));
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/targetfilters/{id}',
    access: needs('devices:read'),
    summary: 'Tells about a saved filter.',
    params: filterPath,
    answers: { 200: { description: 'The filter.' } },
    handle: async ({ server, tenant, params, request }) =>
      filterBody(await findFilter(server.database.sql, tenant.id, params.id), linksOf(request)),
  }),
  route({
    method: 'PUT',
    path: '/rest/v1/targetfilters/{id}',
    access: needs('devices:write'),
    summary: 'Changes a saved filter.',
    params: filterPath,
    body: { json: managementFilterChange },
    answers: { 200: { description: 'The filter as it is now.' }, 409: { description: 'There is one of this name.' } },
    async handle(call) {
      const { server, tenant, params, body, now, request } = call;
      const settings = await server.tenantSettings.of(tenant.id);
      const filter = await change(call, async (tx) => {
        const known = await findFilter(tx, tenant.id, params.id);
        const { name = known.name, query = known.query } = body;
        fiqlCondition(query, { tenantId: tenant.id, settings, now });
        await refuseTaken(tx, tenant.id, name, params.id);
        const result = await tx
          .updateTable('device_filter')
          .set({ name, query })
          .where('id', '=', params.id)
          .returningAll()
          .executeTakeFirstOrThrow();
        return { result, audit: { action: 'filter.changed', object: `filter:${params.id}`, detail: { name, query } } };
      });
      return filterBody(filter, linksOf(request));
    },
  }),
  route({
    method: 'DELETE',
    path: '/rest/v1/targetfilters/{id}',
    access: needs('devices:write'),
    summary: 'Removes a saved filter.',
    params: filterPath,
    answers: { 204: { description: 'It is gone.' } },
    async handle(call) {
      const { tenant, params } = call;
      await change(call, async (tx) => {
        const { name } = await findFilter(tx, tenant.id, params.id);
        await tx.deleteFrom('device_filter').where('id', '=', params.id).execute();
        return {
          result: undefined,
          audit: { action: 'filter.deleted', object: `filter:${params.id}`, detail: { name } },
        };
      });
      return new Answer(204);
    },
  }),
];

async function findFilter(db: Queryable, tenantId: number, id: number): Promise<FilterRow> {
  const filter = await db
    .selectFrom('device_filter')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .executeTakeFirst();
  if (filter === undefined) throw notFound(`filter ${id}`);
  return filter;
}

async function refuseTaken(db: Queryable, tenantId: number, name: string, ownId: number): Promise<void> {
  const other = await db
    .selectFrom('device_filter')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('name', '=', name)
    .where('id', '!=', ownId)
    .executeTakeFirst();
  if (other !== undefined) throw conflict(`there is a filter "${escapeText(name)}" already`);
}

function filterBody(filter: FilterRow, link: LinkMaker): object {
  return {
    createdBy: filter.created_by,
    createdAt: filter.created_at,
    lastModifiedBy: filter.created_by,
    lastModifiedAt: filter.created_at,
    id: filter.id,
    name: filter.name,
    query: filter.query,
    _links: { self: link(`/targetfilters/${filter.id}`) },
  };
}
