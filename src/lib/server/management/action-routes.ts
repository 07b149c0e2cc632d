import { sql, type Transaction } from 'kysely';
import * as z from 'zod/mini';
import { escapeText } from '../../core/text.js';
import { FieldTable } from '../../query/fields.js';
import { deviceId } from '../../wire/device-id.js';
import { managementActionChange, managementConfirmation, managementSetAssignments } from '../../wire/management.js';
import type { Assigned } from '../actions/assign-set.js';
import { cancelAction } from '../actions/cancel-action.js';
import { lockActiveActions } from '../actions/locked-action.js';
import { moveAction } from '../actions/move-action.js';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { badRequest, notFound, ServerFailure } from '../http/server-failure.js';
import { ACTION_FIELDS, type ActionRow, actionBody, actionsOf } from './action-body.js';
import { assignAsAsked, assignmentBody, assignOptions } from './assign-devices.js';
import { change } from './change.js';
import { type EntityFields, entityPage } from './entity-page.js';
import { linksOf } from './links.js';
import { detailedListQuery, isFull, listQuery, pagedList, pathId } from './list-query.js';
import { modulesBySet, setBody, setsOf } from './set-body.js';
import { findDevice, targetPath } from './target-routes.js';

const actionPath = z.object({ controllerId: deviceId, actionId: pathId });

const STATUS_FIELDS: EntityFields = {
  table: new FieldTable('an entry of an action', {
    id: { type: 'number' },
    reportedAt: { type: 'number', aliases: ['timestamp', 'createdAt'] },
    code: { type: 'number' },
  }),
  columns: { id: sql.ref('id'), reportedAt: sql.ref('reported_at'), code: sql.ref('code') },
};

/** Distribution sets on their way to single devices. */
export const actionRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/rest/v1/actions',
    access: needs('rollouts:read'),
    summary: 'Lists actions; with more links in the full representation.',
    query: detailedListQuery,
    answers: { 200: { description: 'A page of actions.' } },
    async handle({ server: { database }, tenant, query, now, request }) {
      const { rows, total } = await entityPage(actionsOf(database.sql, tenant.id), ACTION_FIELDS, { ...query, now });
      const link = linksOf(request);
      return pagedList(
        rows.map((action) => actionBody(action, link, { isFull: isFull(query) })),
        total,
      );
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/actions/{actionId}',
    access: needs('rollouts:read'),
    summary: 'Tells about an action.',
    params: z.object({ actionId: pathId }),
    answers: { 200: { description: 'The action.' } },
    async handle({ server: { database }, tenant, params, request }) {
      const action = await actionsOf(database.sql, tenant.id)
        .where('action.id', '=', params.actionId)
        .executeTakeFirst();
      if (action === undefined) throw notFound(`action ${params.actionId}`);
      return actionBody(action, linksOf(request), { isFull: true });
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/targets/{controllerId}/actions',
    access: needs('rollouts:read'),
    summary: 'Lists the actions of a device, the newest first unless said.',
    params: targetPath,
    query: listQuery,
    answers: { 200: { description: 'A page of actions.' } },
    async handle({ server: { database }, tenant, params, query, now, request }) {
      const { id } = await findDevice(database.sql, tenant.id, params.controllerId);
      const all = actionsOf(database.sql, tenant.id).where('action.device_id', '=', id);
      const asked = { ...query, sort: query.sort ?? 'id:DESC', now };
      const { rows, total } = await entityPage(all, ACTION_FIELDS, asked);
      const link = linksOf(request);
      return pagedList(
        rows.map((action) => actionBody(action, link, { isFull: false })),
        total,
      );
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/targets/{controllerId}/actions/{actionId}',
    access: needs('rollouts:read'),
    summary: 'Tells about an action of a device.',
    params: actionPath,
    answers: { 200: { description: 'The action.' } },
    async handle({ server, tenant, params, request }) {
      const action = await findAction(server.database.sql, tenant.id, params);
      return actionBody(action, linksOf(request), { isFull: true });
    },
  }),
  route({
    method: 'PUT',
    path: '/rest/v1/targets/{controllerId}/actions/{actionId}',
    access: needs('rollouts:write'),
    summary: 'Makes a soft action a forced one.',
    params: actionPath,
    body: { json: managementActionChange },
    answers: { 200: { description: 'The action as it is now.' } },
    async handle(call) {
      const { tenant, params, request, now } = call;
      return change(call, async (tx) => {
        const action = await findAction(tx, tenant.id, params);
        if (action.is_active === 0) throw new ServerFailure(410, 'ACTION_ENDED', `action ${action.id} has ended`);
        await tx.updateTable('action').set({ type: 'forced', updated_at: now }).where('id', '=', action.id).execute();
        return {
          result: actionBody({ ...action, type: 'forced', updated_at: now }, linksOf(request), { isFull: true }),
          audit: { action: 'action.forced', object: `action:${action.id}`, detail: { device: params.controllerId } },
        };
      });
    },
  }),
  route({
    method: 'DELETE',
    path: '/rest/v1/targets/{controllerId}/actions/{actionId}',
    access: needs('rollouts:write'),
    summary: 'Asks a device to let go of an action; with `force`, which needs that first, does not ask any longer.',
    params: actionPath,
    query: z.object({ force: z.optional(z.enum(['true', 'false'])) }),
    answers: { 204: { description: 'It is being cancelled.' }, 405: { description: 'It cannot be cancelled.' } },
    async handle(call) {
      const { tenant, principal, params, query, now } = call;
      const isForced = query.force === 'true';
      await change(call, async (tx) => {
        const { id } = await findAction(tx, tenant.id, params);
        const options = { tenantId: tenant.id, actor: principal.name, now, actionId: id, isForced };
        const detail = { device: params.controllerId, force: isForced };
        return {
          result: undefined,
          events: await cancelAction(tx, options),
          audit: { action: 'action.cancelled', object: `action:${id}`, detail },
        };
      });
      return new Answer(204);
    },
  }),
  route({
    method: 'PUT',
    path: '/rest/v1/targets/{controllerId}/actions/{actionId}/confirmation',
    access: needs('rollouts:write'),
    summary: 'Confirms or denies an action that waits for it.',
    params: actionPath,
    body: { json: managementConfirmation },
    answers: { 204: { description: 'It is confirmed or denied.' }, 410: { description: 'It has ended.' } },
    async handle(call) {
      const { tenant, principal, params, body, now } = call;
      await change(call, async (tx) => {
        const { id } = await findAction(tx, tenant.id, params);
        const [action] = await lockActiveActions(tx, { tenantId: tenant.id, actionIds: [id] });
        if (action === undefined) throw new ServerFailure(410, 'ACTION_ENDED', `action ${id} has ended`);
        const kind = body.confirmation === 'confirmed' ? 'confirm' : 'deny';
        const messages = [`${principal.name} has ${body.confirmation} it.`, ...(body.details ?? [])];
        const events = await moveAction(tx, action, { kind }, { messages, code: body.code, now });
        if (events === undefined) throw notFound(`action ${id} that waits for a confirmation`);
        const detail = { device: params.controllerId };
        return {
          result: undefined,
          events,
          audit: { action: `action.${body.confirmation}`, object: `action:${id}`, detail },
        };
      });
      return new Answer(204);
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/targets/{controllerId}/actions/{actionId}/status',
    access: needs('rollouts:read'),
    summary: 'Lists what has been reported of an action, the newest first unless said.',
    params: actionPath,
    query: listQuery,
    answers: { 200: { description: 'A page of reports.' } },
    async handle({ server: { database }, tenant, params, query, now }) {
      const { id } = await findAction(database.sql, tenant.id, params);
      const all = database.sql.selectFrom('action_status').selectAll().where('action_id', '=', id);
      const { rows, total } = await entityPage(all, STATUS_FIELDS, { ...query, sort: query.sort ?? 'id:DESC', now });
      return pagedList(
        rows.map((entry) => ({
          id: entry.id,
          type: entry.status,
          messages: JSON.parse(entry.messages) as string[],
          reportedAt: entry.reported_at,
          timestamp: entry.occurred_at,
          ...(entry.code !== null && { code: entry.code }),
        })),
        total,
      );
    },
  }),
  setOfRoute('assignedDS', 'assigned_set_id', 'Tells which distribution set a device is meant to have.'),
  setOfRoute('installedDS', 'installed_set_id', 'Tells which distribution set a device has.'),
  route({
    method: 'POST',
    path: '/rest/v1/targets/{controllerId}/assignedDS',
    access: needs('rollouts:write'),
    summary: 'Gives a device a distribution set; with `offline`, writes down that it has it.',
    params: targetPath,
    query: z.object({ offline: z.optional(z.enum(['true', 'false'])) }),
    body: { json: managementSetAssignments },
    answers: { 200: { description: 'Whether it was assigned, and the action that does it.' } },
    async handle(call) {
      const { tenant, params, body, request } = call;
      if (body.length > 1) throw badRequest(`${body.length} sets are given, a device gets one at a time`);
      const options = await assignOptions(call);
      return change(call, async (tx) => {
        const { id } = await findDevice(tx, tenant.id, params.controllerId);
        const results: Assigned[] = [await assignAsAsked(tx, body[0]!, [id], options)];
        const detail = { set: body[0]!.id, offline: options.isOffline };
        return {
          result: assignmentBody(results, () => params.controllerId, linksOf(request)),
          events: results.flatMap(({ events }) => events),
          audit: { action: 'device.assigned', object: `device:${params.controllerId}`, detail },
        };
      });
    },
  }),
];

function setOfRoute(name: string, column: 'assigned_set_id' | 'installed_set_id', summary: string): RouteDefinition {
  return route({
    method: 'GET',
    path: `/rest/v1/targets/{controllerId}/${name}`,
    access: needs('devices:read'),
    summary,
    params: targetPath,
    answers: { 200: { description: 'The set.' }, 204: { description: 'None.' } },
    async handle({ server: { database }, tenant, params, request }) {
      const { [column]: setId } = await findDevice(database.sql, tenant.id, params.controllerId);
      if (setId === null) return new Answer(204);
      // It may have been deleted since: the device still has it.
      const set = await setsOf(database.sql, tenant.id)
        .where('distribution_set.id', '=', setId)
        .executeTakeFirstOrThrow();
      const modules = await modulesBySet(database.sql, tenant.id, [setId]);
      return setBody(set, modules.get(setId) ?? [], linksOf(request));
    },
  });
}

/** @throws ServerFailure 404, also when it is another device's */
async function findAction(
  db: Queryable | Transaction<Schema>,
  tenantId: number,
  { controllerId, actionId }: { controllerId: string; actionId: number },
): Promise<ActionRow> {
  const action = await actionsOf(db, tenantId)
    .where('action.id', '=', actionId)
    .where('device.controller_id', '=', controllerId)
    .executeTakeFirst();
  if (action === undefined) throw notFound(`action ${actionId} of device "${escapeText(controllerId)}"`);
  return action;
}
