import { sql } from 'kysely';
import * as z from 'zod/mini';
import { FieldTable } from '../../query/fields.js';
import { managementRollout, managementRolloutChange } from '../../wire/management.js';
import type { OperatorPrincipal, Tenant } from '../access/principal.js';
import type { ServerContext } from '../context.js';
import type { Queryable } from '../database/database.js';
import { Answer, type Call, needs, type RouteDefinition, route } from '../http/route.js';
import { notFound, ServerFailure } from '../http/server-failure.js';
import { changeRollout, startNextGroup } from '../rollouts/change-rollout.js';
import { createRollout, DEFAULT_CONDITIONS, type NewRollout, refuseTaken } from '../rollouts/create-rollout.js';
import type { Verb } from '../rollouts/operator-verbs.js';
import { failedDevicesQuery } from '../rollouts/rollout-devices.js';
import { type GroupRow, lockRollout, type RolloutRow } from '../rollouts/rollout-facts.js';
import { countGroups, type Figures, figuresOf, sumOf } from '../rollouts/rollout-figures.js';
import { GROUP_STATUSES, ROLLOUT_STATUSES } from '../rollouts/rollout-status.js';
import { change } from './change.js';
import { type EntityFields, entityPage } from './entity-page.js';
import { type LinkMaker, linksOf } from './links.js';
import { listDevices } from './list-devices.js';
import { detailedListQuery, isFull, listQuery, pagedList, pathId } from './list-query.js';
import { evenGroups, newRollout, rolloutBody, rolloutGroupBody } from './rollout-body.js';

const upperCase = (words: readonly string[]) => words.map((word) => word.toUpperCase());

const FIELDS: EntityFields = {
  table: new FieldTable('a rollout', {
    id: { type: 'number' },
    name: { type: 'text' },
    description: { type: 'text' },
    status: { type: 'enumeration', values: upperCase(ROLLOUT_STATUSES) },
    'distributionSet.id': { type: 'number' },
    createdAt: { type: 'number' },
    createdBy: { type: 'text' },
    lastModifiedAt: { type: 'number' },
  }),
  columns: {
    id: sql.ref('id'),
    name: sql.ref('name'),
    description: sql.ref('description'),
    status: sql.ref('status'),
    'distributionSet.id': sql.ref('set_id'),
    createdAt: sql.ref('created_at'),
    createdBy: sql.ref('created_by'),
    lastModifiedAt: sql.ref('updated_at'),
  },
};
const GROUP_FIELDS: EntityFields = {
  table: new FieldTable('a group of a rollout', {
    id: { type: 'number' },
    name: { type: 'text' },
    description: { type: 'text' },
    status: { type: 'enumeration', values: upperCase(GROUP_STATUSES) },
  }),
  columns: {
    id: sql.ref('id'),
    name: sql.ref('name'),
    description: sql.ref('description'),
    status: sql.ref('status'),
  },
};
const rolloutPath = z.object({ id: pathId });
const groupPath = z.object({ id: pathId, groupId: pathId });

/** Distribution sets on their way to many devices, group after group. */
export const rolloutRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/rest/v1/rollouts',
    access: needs('rollouts:read'),
    summary: 'Lists rollouts; with figures in the full representation.',
    query: detailedListQuery,
    answers: { 200: { description: 'A page of rollouts.' } },
    async handle({ server: { database }, tenant, query, now, request }) {
      const all = database.sql
        .selectFrom('rollout')
        .selectAll()
        .where('tenant_id', '=', tenant.id)
        .where('deleted_at', 'is', null);
      const { rows, total } = await entityPage(all, FIELDS, { ...query, now });
      const link = linksOf(request);
      const content = isFull(query)
        ? await Promise.all(rows.map((rollout) => detailsOf(database.sql, rollout, link)))
        : rows.map((rollout) => rolloutBody(rollout, { link }));
      return pagedList(content, total);
    },
  }),
  route({
    method: 'POST',
    path: '/rest/v1/rollouts',
    access: needs('rollouts:write'),
    summary: 'Makes a rollout. It can be started once its groups are made (`ready`).',
    body: { json: managementRollout },
    answers: { 201: { description: 'The rollout.' }, 409: { description: 'There is one of this name.' } },
    async handle(call) {
      const settings = await call.server.tenantSettings.of(call.tenant.id);
      return make(call, newRollout(call.body, settings));
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/rollouts/{id}',
    access: needs('rollouts:read'),
    summary: 'Tells about a rollout.',
    params: rolloutPath,
    answers: { 200: { description: 'The rollout with its figures.' } },
    async handle({ server: { database }, tenant, params, request }) {
      return detailsOf(database.sql, await findRollout(database.sql, tenant.id, params.id), linksOf(request));
    },
  }),
  route({
    method: 'PUT',
    path: '/rest/v1/rollouts/{id}',
    access: needs('rollouts:write'),
    summary: 'Changes name or description of a rollout.',
    params: rolloutPath,
    body: { json: managementRolloutChange },
    answers: { 200: { description: 'The rollout as it is now.' }, 409: { description: 'There is one of this name.' } },
    async handle(call) {
      const { tenant, params, body, now, request, server } = call;
      const rollout = await change(call, async (tx) => {
        const known = (await lockRollout(tx, { tenantId: tenant.id, rolloutId: params.id }))?.rollout;
        if (known === undefined) throw notFound(`rollout ${params.id}`);
        const { name = known.name, description = known.description } = body;
        await refuseTaken(tx, tenant.id, name, params.id);
        await tx
          .updateTable('rollout')
          .set({ name, description, updated_at: now })
          .where('id', '=', params.id)
          .execute();
        return {
          result: { ...known, name, description, updated_at: now },
          audit: { action: 'rollout.changed', object: `rollout:${params.id}`, detail: { name, description } },
        };
      });
      return detailsOf(server.database.sql, rollout, linksOf(request));
    },
  }),
  route({
    method: 'DELETE',
    path: '/rest/v1/rollouts/{id}',
    access: needs('rollouts:write'),
    summary: 'Removes a rollout; what devices have not finished is cancelled without asking them.',
    params: rolloutPath,
    answers: { 204: { description: 'It is being removed.' } },
    handle: (call) => act(call, 'delete', call.params.id),
  }),
  verbRoute('start', 'Starts a rollout that is ready.'),
  verbRoute('pause', 'Pauses a rollout: no device is given anything new.'),
  verbRoute('resume', 'Lets a rollout that is paused go on.'),
  verbRoute('stop', 'Ends a rollout; devices that have not finished are asked to let go of it.'),
  decisionRoute('approve', 'Approves a rollout that waits for it.'),
  decisionRoute('deny', 'Denies a rollout that waits for approval.'),
  route({
    method: 'POST',
    path: '/rest/v1/rollouts/{id}/triggerNextGroup',
    access: needs('rollouts:write'),
    summary: 'Starts the next group, whatever the conditions say.',
    params: rolloutPath,
    answers: { 204: { description: 'It is started.' } },
    async handle(call) {
      const { tenant, params, now } = call;
      await change(call, async (tx) => ({
        result: undefined,
        events: await startNextGroup(tx, { tenantId: tenant.id, rolloutId: params.id, now }),
        audit: { action: 'rollout.triggerNextGroup', object: `rollout:${params.id}` },
      }));
      return new Answer(204);
    },
  }),
  route({
    method: 'POST',
    path: '/rest/v1/rollouts/{id}/retry',
    access: needs('rollouts:write'),
    summary: 'Makes a rollout for the devices that failed in one that is finished.',
    params: rolloutPath,
    answers: { 201: { description: 'The rollout.' } },
    async handle(call) {
      const { server, tenant, params } = call;
      const known = await findRollout(server.database.sql, tenant.id, params.id);
      if (known.status !== 'finished') {
        throw new ServerFailure(400, 'ROLLOUT_STATE', `rollout ${known.id} is ${known.status}, retry needs finished`);
      }
      return make(call, {
        name: `${known.name}_retry`,
        description: known.description ?? undefined,
        setId: known.set_id,
        query: failedDevicesQuery(known.id),
        actionType: known.action_type as NewRollout['actionType'],
        forcedAt: known.forced_at ?? undefined,
        groups: evenGroups(1, { conditions: DEFAULT_CONDITIONS, confirms: known.is_confirmation_required === 1 }),
      });
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/rollouts/{id}/deploygroups',
    access: needs('rollouts:read'),
    summary: 'Lists the groups of a rollout; with figures in the full representation.',
    params: rolloutPath,
    query: detailedListQuery,
    answers: { 200: { description: 'A page of groups.' } },
    async handle({ server: { database }, tenant, params, query, now, request }) {
      const rollout = await findRollout(database.sql, tenant.id, params.id);
      const all = database.sql.selectFrom('rollout_group').selectAll().where('rollout_id', '=', rollout.id);
      const { rows, total } = await entityPage(all, GROUP_FIELDS, { ...query, now });
      const counts = await countGroups(database.sql, isFull(query) ? rows.map(({ id }) => id) : []);
      const link = linksOf(request);
      return pagedList(
        rows.map((group) => {
          const counted = counts.get(group.id);
          const figures = counted && figuresOf(counted, rollout.status);
          return rolloutGroupBody(group, { rollout, link, figures });
        }),
        total,
      );
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/rollouts/{id}/deploygroups/{groupId}',
    access: needs('rollouts:read'),
    summary: 'Tells about a group of a rollout.',
    params: groupPath,
    answers: { 200: { description: 'The group with its figures.' } },
    async handle({ server: { database }, tenant, params, request }) {
      const rollout = await findRollout(database.sql, tenant.id, params.id);
      const group = await findGroup(database.sql, rollout.id, params.groupId);
      const counts = await countGroups(database.sql, [group.id]);
      const figures = figuresOf(counts.get(group.id)!, rollout.status);
      return rolloutGroupBody(group, { rollout, link: linksOf(request), figures });
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/rollouts/{id}/deploygroups/{groupId}/targets',
    access: needs('rollouts:read'),
    summary: 'Lists the devices of a group of a rollout.',
    params: groupPath,
    query: listQuery,
    answers: { 200: { description: 'A page of devices.' } },
    async handle(call) {
      const { server, tenant, params } = call;
      const rollout = await findRollout(server.database.sql, tenant.id, params.id);
      const { id } = await findGroup(server.database.sql, rollout.id, params.groupId);
      const inGroup = sql<boolean>`device.id in (select device_id from rollout_device where rollout_group_id = ${id})`;
      return listDevices(call, [inGroup]);
    },
  }),
];

type RolloutCall = Pick<Call<OperatorPrincipal, unknown, unknown, unknown>, 'principal' | 'now' | 'request'> & {
  readonly server: ServerContext;
  readonly tenant: Tenant;
};

async function make(call: RolloutCall, wanted: NewRollout): Promise<Answer> {
  const { server, tenant, principal, now, request } = call;
  const settings = await server.tenantSettings.of(tenant.id);
  const rollout = await change(call, async (tx) => {
    const made = await createRollout(tx, wanted, { tenantId: tenant.id, settings, createdBy: principal.name, now });
    const { name, query, setId } = wanted;
    const detail = { name, query, set: setId, groups: wanted.groups.length };
    return {
      result: made.rollout,
      events: made.events,
      audit: { action: 'rollout.created', object: `rollout:${made.rollout.id}`, detail },
    };
  });
  return new Answer(201, await detailsOf(server.database.sql, rollout, linksOf(request)));
}

function verbRoute(verb: Verb, summary: string): RouteDefinition {
  return route({
    method: 'POST',
    path: `/rest/v1/rollouts/{id}/${verb}`,
    access: needs('rollouts:write'),
    summary,
    params: rolloutPath,
    answers: { 204: { description: 'It is being done.' }, 400: { description: 'It is in no state for that.' } },
    handle: (call) => act(call, verb, call.params.id),
  });
}

function decisionRoute(verb: 'approve' | 'deny', summary: string): RouteDefinition {
  return route({
    method: 'POST',
    path: `/rest/v1/rollouts/{id}/${verb}`,
    access: needs('rollouts:write'),
    summary,
    params: rolloutPath,
    query: z.object({ remark: z.optional(z.string().check(z.maxLength(255))) }),
    answers: { 204: { description: 'It is decided.' }, 400: { description: 'It is in no state for that.' } },
    handle: (call) => act(call, verb, call.params.id, { by: call.principal.name, remark: call.query.remark }),
  });
}

async function act(
  call: RolloutCall,
  verb: Verb,
  rolloutId: number,
  decision?: { readonly by: string; readonly remark: string | undefined },
): Promise<Answer> {
  const which = { tenantId: call.tenant.id, rolloutId, now: call.now };
  await change(call, async (tx) => ({
    result: undefined,
    events: await changeRollout(tx, verb, { ...which, ...(decision && { decision }) }),
    audit: {
      action: `rollout.${verb}`,
      object: `rollout:${rolloutId}`,
      ...(decision?.remark !== undefined && { detail: { remark: decision.remark } }),
    },
  }));
  return new Answer(204);
}

async function findRollout(db: Queryable, tenantId: number, id: number): Promise<RolloutRow> {
  const rollout = await db
    .selectFrom('rollout')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (rollout === undefined) throw notFound(`rollout ${id}`);
  return rollout;
}

async function findGroup(db: Queryable, rolloutId: number, id: number): Promise<GroupRow> {
  const group = await db
    .selectFrom('rollout_group')
    .selectAll()
    .where('rollout_id', '=', rolloutId)
    .where('id', '=', id)
    .executeTakeFirst();
  if (group === undefined) throw notFound(`group ${id} of rollout ${rolloutId}`);
  return group;
}

async function detailsOf(db: Queryable, rollout: RolloutRow, link: LinkMaker): Promise<object> {
  const groups = await db.selectFrom('rollout_group').select('id').where('rollout_id', '=', rollout.id).execute();
  const counts = await countGroups(
    db,
    groups.map(({ id }) => id),
  );
  const figures: Figures = sumOf([...counts.values()].map((one) => figuresOf(one, rollout.status)));
  return rolloutBody(rollout, { link, details: { figures, groups: groups.length } });
}
