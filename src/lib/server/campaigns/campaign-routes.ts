import { setImmediate } from 'node:timers/promises';
import * as z from 'zod/mini';
import { openFleetDriver } from '../../fleet-api/fleet-driver.js';
import { journalEntry } from '../../rollout/campaign-event.js';
import { campaignRequest, campaignView } from '../../rollout/campaign-view.js';
import { parsePlan, planDigest } from '../../rollout/parse-plan.js';
import { campaignName, PLAN_MAX_BYTES, rolloutPlan } from '../../rollout/plan.js';
import { readBody } from '../http/json-body.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { badRequest, ServerFailure } from '../http/server-failure.js';
import { waitForRequest, writeRequest } from './ask-campaign.js';
import { campaignRows, findCampaign, viewOfRow } from './campaign-row.js';
import { createCampaign } from './create-campaign.js';
import { requireEgress } from './egress.js';
import { OwnClient } from './own-client.js';
import { readEntries } from './table-journal.js';

const MAX_LISTED = 1_000;
const MAX_ENTRIES = 1_000;

const named = z.object({ campaign: campaignName });
/** A whole number in a query. */
const number = (least: number, most: number) =>
  z.pipe(
    z.string().check(z.regex(/^\d{1,15}$/, 'expected a whole number')),
    z.pipe(z.transform(Number), z.int().check(z.minimum(least), z.maximum(most))),
  );

/** Rollouts whose stages are judged by gates. */
export const campaignRoutes: readonly RouteDefinition[] = [
  route({
    method: 'POST',
    path: '/api/v1/campaigns',
    access: needs('rollouts:write'),
    summary: 'Begins a campaign: the server takes a plan of `ota rollout plan` further by itself, from stage to stage.',
    body: { stream: ['application/json'], maxBytes: PLAN_MAX_BYTES },
    answers: {
      200: { description: 'It has begun already, with the same plan.', json: campaignView },
      201: { description: 'It has begun.', json: campaignView },
      409: { description: 'Another plan has this name.' },
      422: { description: 'The plan cannot be carried out by this server.' },
    },
    async handle({ server, principal, request, now }) {
      const { 'content-length': declared } = request.headers;
      using _room = server.campaigns.pace.reserve(
        principal.tenant.id,
        declared === undefined ? undefined : Number(declared),
      );
      const bytes = await readBody(request.raw, PLAN_MAX_BYTES);
      if (bytes.length === 0)
        throw new ServerFailure(400, 'BODY_MISSING', 'the request has no body, a plan was expected');
      server.campaigns.pace.take(principal.tenant.id, bytes.length, now);
      const plan = parsePlan(bytes, 'plan');
      if (plan.server.driver !== 'fleet') {
        throw new ServerFailure(422, 'USAGE', `the plan is for a ${plan.server.driver} server`, {
          suggestions: ['Plan again with --server and the address of this server.'],
        });
      }
      requireEgress(plan, server.settings.egressOrigins ?? []);
      // A plan for a whole fleet takes long enough to be read: let polls come in between.
      await setImmediate();
      const campaign = { plan, digest: planDigest(plan), text: bytes.toString('utf8'), principal, now };
      const { row, isNew } = await createCampaign(server, campaign);
      return new Answer(isNew ? 201 : 200, viewOfRow(row, now));
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/campaigns',
    access: needs('rollouts:read'),
    summary: 'Lists campaigns, the newest first.',
    query: z.object({ limit: z._default(number(1, MAX_LISTED), MAX_LISTED) }),
    answers: { 200: { description: 'The campaigns.', json: z.object({ items: z.array(campaignView) }) } },
    async handle({ server, tenant, query, now }) {
      const rows = await campaignRows(server.database.sql)
        .where('tenant_id', '=', tenant.id)
        .orderBy('id', 'desc')
        .limit(query.limit)
        .execute();
      return { items: rows.map((row) => viewOfRow(row, now)) };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/campaigns/{campaign}',
    access: needs('rollouts:read'),
    summary: 'Tells where a campaign stands.',
    params: named,
    answers: { 200: { description: 'The campaign.', json: campaignView } },
    handle: async ({ server, tenant, params, now }) =>
      viewOfRow(await findCampaign(server.database.sql, tenant.id, params.campaign), now),
  }),
  route({
    method: 'GET',
    path: '/api/v1/campaigns/{campaign}/plan',
    access: needs('rollouts:read'),
    summary: 'Gives the plan of a campaign, as it was handed over.',
    params: named,
    answers: { 200: { description: 'The plan.', json: rolloutPlan } },
    async handle({ server, tenant, params }) {
      const { id } = await findCampaign(server.database.sql, tenant.id, params.campaign);
      const row = await server.database.sql
        .selectFrom('campaign')
        .select('plan')
        .where('id', '=', id)
        .executeTakeFirstOrThrow();
      return new Answer(200, Buffer.from(row.plan, 'utf8'), { 'content-type': 'application/json; charset=utf-8' });
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/campaigns/{campaign}/journal',
    access: needs('rollouts:read'),
    summary: 'Reads the journal of a campaign from an entry on: each holds the hash of the one before it.',
    params: named,
    query: z.object({
      after: z._default(number(0, Number.MAX_SAFE_INTEGER), 0),
      limit: z._default(number(1, MAX_ENTRIES), MAX_ENTRIES),
    }),
    answers: { 200: { description: 'Entries, in order.', json: z.object({ items: z.array(journalEntry) }) } },
    async handle({ server, tenant, params, query }) {
      const { id } = await findCampaign(server.database.sql, tenant.id, params.campaign);
      return { items: await readEntries(server.database.sql, { tenantId: tenant.id, campaignId: id }, query) };
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/campaigns/{campaign}/requests',
    access: needs('rollouts:write'),
    summary: 'Asks something of a campaign: to pause, to go on, to let a stage pass, to end, to go back, to try again.',
    params: named,
    body: { json: campaignRequest },
    answers: {
      200: { description: 'It is done, or will be within seconds.', json: campaignView },
      409: { description: 'The campaign is in no phase for that.' },
    },
    async handle({ server, tenant, principal, params, body, now, signal }) {
      const id = await writeRequest(server, { name: params.campaign, request: body, principal, now });
      if (server.campaigns.isTimed) await waitForRequest(server, id, signal);
      return viewOfRow(
        await findCampaign(server.database.sql, tenant.id, params.campaign),
        server.clock.now().getTime(),
      );
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/campaigns/stop-all',
    access: needs('rollouts:write'),
    summary: 'Stops everything: ends each campaign without going back, and stops each rollout, whoever made it.',
    body: { json: z.strictObject({ remark: z.optional(z.string().check(z.maxLength(1_024))) }), isOptional: true },
    answers: {
      200: {
        description: 'Names of what was under way.',
        json: z.object({ campaigns: z.array(z.string()), rollouts: z.array(z.string()) }),
      },
    },
    async handle({ server, tenant, principal, body, request, now, signal }) {
      const { authorization } = request.headers;
      if (authorization === undefined) throw badRequest('the request has no Authorization header');
      const open = await campaignRows(server.database.sql)
        .where('tenant_id', '=', tenant.id)
        .where('phase', 'in', ['running', 'paused', 'aborting'])
        .orderBy('name')
        .execute();
      // Campaigns first: they must not take what is stopped below for something to go on with.
      for (const { name } of open) {
        const wanted = { verb: 'stop' as const, remark: body?.remark ?? 'everything is to stop' };
        await writeRequest(server, { name, request: wanted, principal, now }).catch((error: unknown) => {
          // It has ended meanwhile, or is asked to end often enough already: the others are stopped nevertheless.
          if (!(error instanceof ServerFailure && error.status === 409)) throw error;
        });
      }
      await using client = new OwnClient(server.ownRequests, () => authorization);
      const rollouts = await openFleetDriver(client, { address: client.server }).stopAll(signal);
      return { campaigns: open.map(({ name }) => name), rollouts: [...rollouts] };
    },
  }),
];
