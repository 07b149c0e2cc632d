import { sql, type Transaction } from 'kysely';
import * as z from 'zod/mini';
import { escapeText } from '../../core/text.js';
import { FieldTable } from '../../query/fields.js';
import { deviceId } from '../../wire/device-id.js';
import { controllerIds, managementTagChange, managementTags } from '../../wire/management.js';
import { chunksOf } from '../database/chunks.js';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { conflict, notFound } from '../http/server-failure.js';
import { type Changing, change } from './change.js';
import { type EntityFields, entityPage } from './entity-page.js';
import { linksOf } from './links.js';
import { listDevices } from './list-devices.js';
import { listQuery, pagedList, pathId } from './list-query.js';
import { type TagRow, tagBody } from './tag-body.js';

const FIELDS: EntityFields = {
  table: new FieldTable('a tag', {
    id: { type: 'number' },
    name: { type: 'text' },
    description: { type: 'text' },
    colour: { type: 'text' },
    createdAt: { type: 'number' },
    createdBy: { type: 'text' },
  }),
  columns: {
    id: sql.ref('id'),
    name: sql.ref('name'),
    description: sql.ref('description'),
    colour: sql.ref('colour'),
    createdAt: sql.ref('created_at'),
    createdBy: sql.ref('created_by'),
  },
};
const tagPath = z.object({ id: pathId });
const taggedPath = z.object({ id: pathId, controllerId: deviceId });

async function findTag(db: Queryable, tenantId: number, id: number): Promise<TagRow> {
  const tag = await db
    .selectFrom('tag')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .executeTakeFirst();
  if (tag === undefined) throw notFound(`tag ${id}`);
  return tag;
}

/** Tags of devices. */
export const tagRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/rest/v1/targettags',
    access: needs('devices:read'),
    summary: 'Lists tags.',
    query: listQuery,
    answers: { 200: { description: 'A page of tags.' } },
    async handle({ server: { database }, tenant, query, now, request }) {
      const all = database.sql.selectFrom('tag').selectAll().where('tenant_id', '=', tenant.id);
      const { rows, total } = await entityPage(all, FIELDS, { ...query, now });
      const link = linksOf(request);
      return pagedList(
        rows.map((tag) => tagBody(tag, link)),
        total,
      );
    },
  }),
  route({
    method: 'POST',
    path: '/rest/v1/targettags',
    access: needs('devices:write'),
    summary: 'Makes tags, all of them or none.',
    body: { json: managementTags },
    answers: { 201: { description: 'The tags.' }, 409: { description: 'There is one of this name.' } },
    async handle(call) {
      const { tenant, principal, body, now, request } = call;
      const tags = await change(call, async (tx) => {
        const result: TagRow[] = [];
        for (const { name, colour, description } of body) {
          const tag = await tx
            .insertInto('tag')
            .values({ tenant_id: tenant.id, name, colour, description, created_at: now, created_by: principal.name })
            .onConflict((taken) => taken.columns(['tenant_id', 'name']).doNothing())
            .returningAll()
            .executeTakeFirst();
          if (tag === undefined) throw conflict(`there is a tag "${escapeText(name)}" already`);
          result.push(tag);
        }
        const detail = { names: result.map(({ name }) => name) };
        return {
          result,
          audit: { action: 'tag.created', object: result.map(({ id }) => `tag:${id}`).join(' '), detail },
        };
      });
      const link = linksOf(request);
      return new Answer(
        201,
        tags.map((tag) => tagBody(tag, link)),
      );
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/targettags/{id}',
    access: needs('devices:read'),
    summary: 'Tells about a tag.',
    params: tagPath,
    answers: { 200: { description: 'The tag.' } },
    handle: async ({ server, tenant, params, request }) =>
      tagBody(await findTag(server.database.sql, tenant.id, params.id), linksOf(request)),
  }),
  route({
    method: 'PUT',
    path: '/rest/v1/targettags/{id}',
    access: needs('devices:write'),
    summary: 'Changes a tag.',
    params: tagPath,
    body: { json: managementTagChange },
    answers: { 200: { description: 'The tag as it is now.' }, 409: { description: 'There is one of this name.' } },
    async handle(call) {
      const { tenant, params, body, request } = call;
      const tag = await change(call, async (tx) => {
        const known = await findTag(tx, tenant.id, params.id);
        const { name = known.name, colour = known.colour, description = known.description } = body;
        const other = await tx
          .selectFrom('tag')
          .select('id')
          .where('tenant_id', '=', tenant.id)
          .where('name', '=', name)
          .where('id', '!=', params.id)
          .executeTakeFirst();
        if (other !== undefined) throw conflict(`there is a tag "${escapeText(name)}" already`);
        const result = await tx
          .updateTable('tag')
          .set({ name, colour, description })
          .where('id', '=', params.id)
          .returningAll()
          .executeTakeFirstOrThrow();
        return { result, audit: { action: 'tag.changed', object: `tag:${params.id}`, detail: { name } } };
      });
      return tagBody(tag, linksOf(request));
    },
  }),
  route({
    method: 'DELETE',
    path: '/rest/v1/targettags/{id}',
    access: needs('devices:write'),
    summary: 'Removes a tag from everywhere.',
    params: tagPath,
    answers: { 204: { description: 'It is gone.' } },
    async handle(call) {
      const { tenant, params } = call;
      await change(call, async (tx) => {
        const { name } = await findTag(tx, tenant.id, params.id);
        await tx.deleteFrom('tag').where('id', '=', params.id).execute();
        return { result: undefined, audit: { action: 'tag.deleted', object: `tag:${params.id}`, detail: { name } } };
      });
      return new Answer(204);
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/targettags/{id}/assigned',
    access: needs('devices:read'),
    summary: 'Lists the devices that have a tag.',
    params: tagPath,
    query: listQuery,
    answers: { 200: { description: 'A page of devices.' } },
    async handle(call) {
      const { id } = await findTag(call.server.database.sql, call.tenant.id, call.params.id);
      const tagged = sql<boolean>`device.id in (select device_id from device_tag where tag_id = ${id})`;
      return listDevices(call, [tagged]);
    },
  }),
  route({
    method: 'POST',
    path: '/rest/v1/targettags/{id}/assigned',
    access: needs('devices:write'),
    summary: 'Tags devices, all of them or none.',
    params: tagPath,
    body: { json: controllerIds, maxBytes: 4 * 1024 ** 2 },
    answers: { 204: { description: 'They have it.' }, 404: { description: 'One of them is not known.' } },
    handle: (call) => setTag(call, call.params.id, call.body, true),
  }),
  // As newer versions of hawkBit have it, with the same meaning.
  route({
    method: 'PUT',
    path: '/rest/v1/targettags/{id}/assigned',
    access: needs('devices:write'),
    summary: 'Tags devices, all of them or none, as newer clients ask for it.',
    params: tagPath,
    body: { json: controllerIds, maxBytes: 4 * 1024 ** 2 },
    answers: { 204: { description: 'They have it.' }, 404: { description: 'One of them is not known.' } },
    handle: (call) => setTag(call, call.params.id, call.body, true),
  }),
  route({
    method: 'DELETE',
    path: '/rest/v1/targettags/{id}/assigned',
    access: needs('devices:write'),
    summary: 'Takes a tag from devices, from all of them or none.',
    params: tagPath,
    body: { json: controllerIds, maxBytes: 4 * 1024 ** 2 },
    answers: { 204: { description: 'They do not have it.' }, 404: { description: 'One of them is not known.' } },
    handle: (call) => setTag(call, call.params.id, call.body, false),
  }),
  route({
    method: 'POST',
    path: '/rest/v1/targettags/{id}/assigned/{controllerId}',
    access: needs('devices:write'),
    summary: 'Tags a device.',
    params: taggedPath,
    answers: { 204: { description: 'It has it.' } },
    handle: (call) => setTag(call, call.params.id, [call.params.controllerId], true),
  }),
  route({
    method: 'DELETE',
    path: '/rest/v1/targettags/{id}/assigned/{controllerId}',
    access: needs('devices:write'),
    summary: 'Takes a tag from a device.',
    params: taggedPath,
    answers: { 204: { description: 'It does not have it.' } },
    handle: (call) => setTag(call, call.params.id, [call.params.controllerId], false),
  }),
];

/** Gives devices a tag, or takes it from them. */
async function setTag(call: Changing, tagId: number, names: readonly string[], isTagged: boolean): Promise<Answer> {
  await change(call, async (tx) => {
    const tag = await findTag(tx, call.tenant.id, tagId);
    const ids = await deviceIdsOf(tx, call.tenant.id, names);
    for (const chunk of chunksOf(ids, 3)) {
      const rows = chunk.map((device_id) => ({ device_id, tag_id: tagId, tenant_id: call.tenant.id }));
      if (isTagged) {
        await tx
          .insertInto('device_tag')
          .values(rows)
          .onConflict((taken) => taken.columns(['device_id', 'tag_id']).doNothing())
          .execute();
      } else {
        await tx.deleteFrom('device_tag').where('tag_id', '=', tagId).where('device_id', 'in', chunk).execute();
      }
    }
    const action = isTagged ? 'tag.assigned' : 'tag.unassigned';
    const detail = { name: tag.name, devices: [...names] };
    return { result: undefined, audit: { action, object: `tag:${tagId}`, detail } };
  });
  return new Answer(204);
}

/**
 * The identifiers of devices by their names, each once, in the order of the names.
 *
 * @throws ServerFailure 404, one of them is not known
 */
export async function deviceIdsOf(
  tx: Transaction<Schema>,
  tenantId: number,
  names: readonly string[],
): Promise<number[]> {
  const found = new Map<string, number>();
  for (const chunk of chunksOf([...new Set(names)], 1)) {
    const rows = await tx
      .selectFrom('device')
      .select(['id', 'controller_id'])
      .where('tenant_id', '=', tenantId)
      .where('controller_id', 'in', chunk)
      .execute();
    for (const { id, controller_id } of rows) found.set(controller_id, id);
  }
  const unknown = names.find((name) => !found.has(name));
  if (unknown !== undefined) throw notFound(`device "${escapeText(unknown)}"`);
  return [...new Set(names)].map((name) => found.get(name)!);
}
