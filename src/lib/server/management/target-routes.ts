import * as z from 'zod/mini';
import { checkSchema } from '../../core/schema.js';
import { escapeText } from '../../core/text.js';
import { deviceId } from '../../wire/device-id.js';
import {
  managementAutoConfirm,
  managementMetadata,
  managementMetadataList,
  managementMetadataValue,
  type managementTarget,
  managementTargetChange,
  managementTargets,
} from '../../wire/management.js';
import { tokenHash } from '../access/token.js';
import { chunksOf } from '../database/chunks.js';
import type { Queryable } from '../database/database.js';
import { createDevices } from '../devices/create-devices.js';
import type { DeviceRow } from '../devices/device-page.js';
import { removeDevices } from '../devices/remove-devices.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { badRequest, conflict, notFound } from '../http/server-failure.js';
import { change } from './change.js';
import { linksOf } from './links.js';
import { listDevices } from './list-devices.js';
import { listQuery, pagedList } from './list-query.js';
import { tagBody } from './tag-body.js';
import { targetBody, targetDetails } from './target-body.js';

export const targetPath = z.object({ controllerId: deviceId });
const metadataPath = z.object({ controllerId: deviceId, key: z.string() });

/** @throws ServerFailure 404 */
export async function findDevice(db: Queryable, tenantId: number, controllerId: string): Promise<DeviceRow> {
  const device = await db
    .selectFrom('device')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('controller_id', '=', controllerId)
    .executeTakeFirst();
  if (device === undefined) throw notFound(`device "${escapeText(controllerId)}"`);
  return device;
}

async function devicesById(db: Queryable, ids: readonly number[]): Promise<Map<number, DeviceRow>> {
  const devices = new Map<number, DeviceRow>();
  for (const chunk of chunksOf(ids, 1)) {
    const rows = await db.selectFrom('device').selectAll().where('id', 'in', chunk).execute();
    for (const row of rows) devices.set(row.id, row);
  }
  return devices;
}

const objectOf = (controllerId: string) => `device:${controllerId}`;

/** Devices, as targets. */
export const targetRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/rest/v1/targets',
    access: needs('devices:read'),
    summary: 'Lists devices.',
    query: listQuery,
    answers: { 200: { description: 'A page of devices.' } },
    handle: (call) => listDevices(call),
  }),
  route({
    method: 'POST',
    path: '/rest/v1/targets',
    access: needs('devices:write'),
    summary: 'Registers devices, all of them or none. Their tokens are told in this answer only.',
    body: { json: managementTargets, maxBytes: 16 * 1024 ** 2, maxValues: 256 * 1024 },
    answers: { 201: { description: 'The devices.' }, 409: { description: 'One of them is registered already.' } },
    async handle(call) {
      const { body: targets, server, tenant, principal, now } = call;
      for (const { targetType } of targets) refuseTargetType(targetType);
      const made = await change(call, async (tx) => {
        const devices = targets.map((target) => managementDevice(target));
        const result = await createDevices(tx, devices, {
          tenantId: tenant.id,
          createdBy: principal.name,
          now,
          existing: 'refuse',
        });
        const [first] = targets;
        return {
          result,
          events: result.events,
          audit:
            targets.length === 1
              ? { action: 'device.created', object: objectOf(first!.controllerId) }
              : {
                  action: 'devices.created',
                  object: `devices:${targets.length}`,
                  detail: { first: first!.controllerId },
                },
        };
      });
      const settings = await server.tenantSettings.of(tenant.id);
      const link = linksOf(call.request);
      const rows = await devicesById(
        server.database.sql,
        made.created.map(({ id }) => id),
      );
      return new Answer(
        201,
        made.created.map(({ id, securityToken }) => targetBody(rows.get(id)!, { link, settings, now, securityToken })),
      );
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/targets/{controllerId}',
    access: needs('devices:read'),
    summary: 'Tells about a device.',
    params: targetPath,
    answers: { 200: { description: 'The device.' } },
    async handle({ server, tenant, params, request, now }) {
      const device = await findDevice(server.database.sql, tenant.id, params.controllerId);
      const settings = await server.tenantSettings.of(tenant.id);
      return targetDetails(device, { link: linksOf(request), settings, now });
    },
  }),
  route({
    method: 'PUT',
    path: '/rest/v1/targets/{controllerId}',
    access: needs('devices:write'),
    summary: 'Changes what operators say about a device, or its token.',
    params: targetPath,
    body: { json: managementTargetChange },
    answers: { 200: { description: 'The device as it is now.' } },
    async handle(call) {
      const { server, tenant, principal, params, body, request, now } = call;
      refuseTargetType(body.targetType);
      if (body.requestAttributes === false) {
        throw badRequest('requestAttributes is false, but a request for attributes cannot be taken back');
      }
      const { name, description, address, group, securityToken, requestAttributes } = body;
      const device = await change(call, async (tx) => {
        const { id } = await findDevice(tx, tenant.id, params.controllerId);
        const result = await tx
          .updateTable('device')
          .set({
            ...(name !== undefined && { name }),
            ...(description !== undefined && { description }),
            ...(address !== undefined && { address }),
            ...(group !== undefined && { group_name: group }),
            ...(securityToken !== undefined && { token_hash: tokenHash(securityToken) }),
            ...(requestAttributes === true && { wants_attributes: 1 as const }),
            updated_at: now,
            updated_by: principal.name,
          })
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirstOrThrow();
        const changed = Object.entries(body).flatMap(([member, value]) => (value === undefined ? [] : [member]));
        return {
          result,
          audit: { action: 'device.changed', object: objectOf(params.controllerId), detail: { changed } },
        };
      });
      const settings = await server.tenantSettings.of(tenant.id);
      return targetDetails(device, { link: linksOf(request), settings, now, securityToken });
    },
  }),
  route({
    method: 'DELETE',
    path: '/rest/v1/targets/{controllerId}',
    access: needs('devices:write'),
    summary: 'Forgets a device and its history.',
    params: targetPath,
    answers: { 204: { description: 'It is forgotten.' } },
    async handle(call) {
      const { tenant, params, now } = call;
      await change(call, async (tx) => {
        const { id } = await findDevice(tx, tenant.id, params.controllerId);
        const chosen = { id, controllerId: params.controllerId };
        return {
          result: undefined,
          events: await removeDevices(tx, [chosen], { tenantId: tenant.id, now }),
          audit: { action: 'device.removed', object: objectOf(params.controllerId) },
        };
      });
      return new Answer(204);
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/targets/{controllerId}/attributes',
    access: needs('devices:read'),
    summary: 'Tells what a device has said about itself.',
    params: targetPath,
    answers: {
      200: { description: 'Name and value of each attribute.' },
      204: { description: 'It has said nothing.' },
    },
    async handle({ server: { database }, tenant, params }) {
      const { id } = await findDevice(database.sql, tenant.id, params.controllerId);
      const texts = await textsOf(database.sql, 'device_attribute', id);
      return texts.length === 0 ? new Answer(204) : Object.fromEntries(texts.map(({ name, value }) => [name, value]));
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/targets/{controllerId}/metadata',
    access: needs('devices:read'),
    summary: 'Lists what operators have noted about a device.',
    params: targetPath,
    answers: { 200: { description: 'All of it.' } },
    async handle({ server: { database }, tenant, params }) {
      const { id } = await findDevice(database.sql, tenant.id, params.controllerId);
      const texts = await textsOf(database.sql, 'device_metadata', id);
      return pagedList(
        texts.map(({ name: key, value }) => ({ key, value })),
        texts.length,
      );
    },
  }),
  route({
    method: 'POST',
    path: '/rest/v1/targets/{controllerId}/metadata',
    access: needs('devices:write'),
    summary: 'Notes something about a device.',
    params: targetPath,
    body: { json: managementMetadataList },
    answers: { 201: { description: 'It is noted.' }, 409: { description: 'One of the keys is there already.' } },
    async handle(call) {
      const { tenant, params, body } = call;
      await change(call, async (tx) => {
        const { id } = await findDevice(tx, tenant.id, params.controllerId);
        for (const { key, value } of body) {
          const { numInsertedOrUpdatedRows } = await tx
            .insertInto('device_metadata')
            .values({ device_id: id, tenant_id: tenant.id, name: key, value })
            .onConflict((taken) => taken.columns(['device_id', 'name']).doNothing())
            .executeTakeFirstOrThrow();
          if (numInsertedOrUpdatedRows === 0n) {
            throw conflict(`device "${params.controllerId}" has metadata "${escapeText(key)}" already`);
          }
        }
        const detail = { set: body.map(({ key }) => key) };
        return {
          result: undefined,
          audit: { action: 'device.metadata', object: objectOf(params.controllerId), detail },
        };
      });
      return new Answer(201);
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/targets/{controllerId}/metadata/{key}',
    access: needs('devices:read'),
    summary: 'Tells one thing that operators have noted about a device.',
    params: metadataPath,
    answers: { 200: { description: 'Key and value.' } },
    async handle({ server: { database }, tenant, params: { controllerId, key } }) {
      const { id } = await findDevice(database.sql, tenant.id, controllerId);
      const found = (await textsOf(database.sql, 'device_metadata', id)).find(({ name }) => name === key);
      if (found === undefined) throw notFound(`metadata "${escapeText(key)}" of device "${controllerId}"`);
      return { key, value: found.value };
    },
  }),
  route({
    method: 'PUT',
    path: '/rest/v1/targets/{controllerId}/metadata/{key}',
    access: needs('devices:write'),
    summary: 'Notes something about a device, in place of what was there.',
    params: metadataPath,
    body: { json: managementMetadataValue },
    answers: { 204: { description: 'It is noted.' } },
    async handle(call) {
      const { tenant, params, body } = call;
      const { key, value } = checkSchema(
        managementMetadata,
        { key: params.key, value: body.value },
        { code: 'USAGE', name: 'metadata' },
      );
      await change(call, async (tx) => {
        const { id } = await findDevice(tx, tenant.id, params.controllerId);
        await tx
          .insertInto('device_metadata')
          .values({ device_id: id, tenant_id: tenant.id, name: key, value })
          .onConflict((taken) => taken.columns(['device_id', 'name']).doUpdateSet({ value }))
          .execute();
        const detail = { set: [params.key] };
        return {
          result: undefined,
          audit: { action: 'device.metadata', object: objectOf(params.controllerId), detail },
        };
      });
      return new Answer(204);
    },
  }),
  route({
    method: 'DELETE',
    path: '/rest/v1/targets/{controllerId}/metadata/{key}',
    access: needs('devices:write'),
    summary: 'Removes a note about a device.',
    params: metadataPath,
    answers: { 204: { description: 'It is gone.' } },
    async handle(call) {
      const { tenant, params } = call;
      await change(call, async (tx) => {
        const { id } = await findDevice(tx, tenant.id, params.controllerId);
        const { numDeletedRows } = await tx
          .deleteFrom('device_metadata')
          .where('device_id', '=', id)
          .where('name', '=', params.key)
          .executeTakeFirstOrThrow();
        if (numDeletedRows === 0n) {
          throw notFound(`metadata "${escapeText(params.key)}" of device "${params.controllerId}"`);
        }
        const detail = { removed: [params.key] };
        return {
          result: undefined,
          audit: { action: 'device.metadata', object: objectOf(params.controllerId), detail },
        };
      });
      return new Answer(204);
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/targets/{controllerId}/tags',
    access: needs('devices:read'),
    summary: 'Lists the tags of a device.',
    params: targetPath,
    answers: { 200: { description: 'All of them.' } },
    async handle({ server: { database }, tenant, params, request }) {
      const { id } = await findDevice(database.sql, tenant.id, params.controllerId);
      const tags = await database.sql
        .selectFrom('tag')
        .innerJoin('device_tag', 'device_tag.tag_id', 'tag.id')
        .selectAll('tag')
        .where('device_tag.device_id', '=', id)
        .orderBy('tag.id')
        .execute();
      const link = linksOf(request);
      return tags.map((tag) => tagBody(tag, link));
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/targets/{controllerId}/autoConfirm',
    access: needs('devices:read'),
    summary: 'Tells whether updates of a device need no confirmation.',
    params: targetPath,
    answers: { 200: { description: 'Whether, and the link that changes it.' } },
    async handle({ server: { database }, tenant, params, request }) {
      const device = await findDevice(database.sql, tenant.id, params.controllerId);
      const active = device.is_auto_confirmed === 1;
      const verb = active ? 'deactivate' : 'activate';
      const path = `/targets/${encodeURIComponent(params.controllerId)}/autoConfirm/${verb}`;
      return { active, _links: { [verb]: linksOf(request)(path) } };
    },
  }),
  autoConfirmRoute('activate'),
  autoConfirmRoute('deactivate'),
];

function autoConfirmRoute(verb: 'activate' | 'deactivate'): RouteDefinition {
  return route({
    method: 'POST',
    path: `/rest/v1/targets/{controllerId}/autoConfirm/${verb}`,
    access: needs('devices:write'),
    summary: verb === 'activate' ? 'Lets updates of a device need no confirmation.' : 'Lets them need one again.',
    params: targetPath,
    body: { json: managementAutoConfirm, isOptional: true },
    answers: { 204: { description: 'So it is.' } },
    async handle(call) {
      const { tenant, params, now, principal } = call;
      await change(call, async (tx) => {
        const { id } = await findDevice(tx, tenant.id, params.controllerId);
        await tx
          .updateTable('device')
          .set({ is_auto_confirmed: verb === 'activate' ? 1 : 0, updated_at: now, updated_by: principal.name })
          .where('id', '=', id)
          .execute();
        const detail = { active: verb === 'activate' };
        return {
          result: undefined,
          audit: { action: 'device.autoConfirm', object: objectOf(params.controllerId), detail },
        };
      });
      return new Answer(204);
    },
  });
}

function managementDevice({ targetType: _, requestAttributes: __, ...device }: z.output<typeof managementTarget>) {
  return device;
}

/** To ignore it would let rollouts by type pass the device by. */
function refuseTargetType(targetType: number | undefined): void {
  if (targetType !== undefined)
    throw badRequest('targetType is given, but this server has no types of targets; use tags');
}

async function textsOf(db: Queryable, table: 'device_attribute' | 'device_metadata', deviceId: number) {
  return db.selectFrom(table).select(['name', 'value']).where('device_id', '=', deviceId).orderBy('name').execute();
}
