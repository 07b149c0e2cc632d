import * as z from 'zod/mini';
import {
  channelName,
  digestPrefix,
  publication,
  release,
  releaseDetail,
  releasePage,
  yankRequest,
  yankResult,
} from '../../wire/catalog.js';
import type { Tenant } from '../access/principal.js';
import { readSettings } from '../access/tenant-settings.js';
import { flagQuery } from '../api/devices/query-flag.js';
import type { ServerContext } from '../context.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { enterChannel, leaveChannel, lockCatalogue } from './channel-entry.js';
import { checkEntry } from './check-publication.js';
import { findByDigest, findById } from './find-release.js';
import { listReleases, releasesQuery } from './list-releases.js';
import { publishRelease } from './publish-release.js';
import { releaseView } from './release-view.js';
import { showRelease } from './show-release.js';
import { releasesOf } from './stored-release.js';
import { restoreRelease, yankRelease } from './yank-release.js';

/** The route's own limit is that of any server; what this one takes is its setting. */
const MAX_UPLOAD_BYTES = 64 * 1024 ** 3;

const releaseParams = z.object({ digest: digestPrefix });
const channelParams = z.object({ digest: digestPrefix, channel: channelName });
const channelsQuery = z._default(
  z.union([
    z.array(channelName).check(z.maxLength(16)),
    z.pipe(
      channelName,
      z.transform((name) => [name]),
    ),
  ]),
  [],
);

/** What is published, and in which channels. */
export const releaseRoutes: readonly RouteDefinition[] = [
  route({
    method: 'POST',
    path: '/api/v1/releases',
    access: needs('software:write'),
    summary: 'Publishes a signed package. One that is published already stays as it is, but enters the channels.',
    query: z.strictObject({
      filename: z.string(),
      /** Repeatable. */
      channel: channelsQuery,
      /** It may enter channels below their newest. */
      older: flagQuery,
      dryRun: flagQuery,
    }),
    body: { stream: ['application/octet-stream'], maxBytes: MAX_UPLOAD_BYTES },
    answers: {
      200: { description: 'Nothing was published: it was already, or this was a dry run.', json: publication },
      201: { description: 'It is published.', json: publication },
    },
    async handle({ server, tenant, principal, query, request, signal, now }) {
      const { filename, channel: channels, older: allowsOlder, dryRun: isDryRun } = query;
      const who = { tenantId: tenant.id, actor: principal.name, now };
      const incoming = { filename, source: request.raw as AsyncIterable<Uint8Array>, signal };
      const published = await publishRelease(server, { ...who, ...incoming, channels, allowsOlder, isDryRun });
      return new Answer(published.published && !isDryRun ? 201 : 200, published);
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/releases',
    access: needs('software:read'),
    summary: 'Lists releases by product, the newest first, a page at a time.',
    query: releasesQuery,
    answers: { 200: { description: 'A page.', json: releasePage } },
    handle: ({ server, tenant, query }) => listReleases(server.database.sql, tenant.id, query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/releases/{digest}',
    access: needs('software:read'),
    summary: 'Tells all about a release, named by its digest or at least 8 digits of its beginning.',
    params: releaseParams,
    answers: { 200: { description: 'The release.', json: releaseDetail } },
    async handle({ server, tenant, params, now }) {
      const { sql } = server.database;
      const found = await findByDigest(sql, tenant.id, params.digest);
      return showRelease(sql, found, { tenantId: tenant.id, now });
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/releases/{digest}/yank',
    access: needs('software:write'),
    summary: 'Withdraws a release: no device is given it any more, and updates to it under way are cancelled.',
    params: releaseParams,
    body: { json: yankRequest },
    answers: { 200: { description: 'It is withdrawn.', json: yankResult } },
    async handle({ server, tenant, principal, params, body, now }) {
      const found = await findByDigest(server.database.sql, tenant.id, params.digest);
      const who = { tenantId: tenant.id, actor: principal.name, now };
      const cancelled = await yankRelease(server, found, { ...who, reason: body.reason });
      return { release: await viewOf(server, tenant, found.id), cancelled };
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/releases/{digest}/unyank',
    access: needs('software:write'),
    summary: 'Offers a withdrawn release again.',
    params: releaseParams,
    answers: { 200: { description: 'It may be assigned again.', json: yankResult } },
    async handle({ server, tenant, principal, params, now }) {
      const found = await findByDigest(server.database.sql, tenant.id, params.digest);
      await restoreRelease(server, found, { tenantId: tenant.id, actor: principal.name, now });
      return { release: await viewOf(server, tenant, found.id), cancelled: 0 };
    },
  }),
  route({
    method: 'PUT',
    path: '/api/v1/releases/{digest}/channels/{channel}',
    access: needs('software:write'),
    summary: 'Puts a release in a channel. One that is in it stays as it is.',
    params: channelParams,
    query: z.strictObject({ older: flagQuery, dryRun: flagQuery }),
    answers: { 200: { description: 'It is in the channel.', json: release } },
    async handle({ server, tenant, principal, params, query, now }) {
      const { channel } = params;
      const who = { tenantId: tenant.id, actor: principal.name, now };
      const found = await findByDigest(server.database.sql, tenant.id, params.digest);
      await server.database.transaction(async (tx) => {
        await lockCatalogue(tx, tenant.id);
        const current = await findById(tx, tenant.id, found.id);
        if (current.channels.some(({ name }) => name === channel)) return;
        const order = (await readSettings(tx, tenant.id))['catalog.channels'];
        const published = await releasesOf(tx, tenant.id, current.metadata.product);
        checkEntry(current, channel, published, { order, allowsOlder: query.older });
        if (!query.dryRun) await enterChannel(tx, current, channel, who);
      });
      return viewOf(server, tenant, found.id);
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/releases/{digest}/channels/{channel}',
    access: needs('software:write'),
    summary: 'Takes a release out of a channel. Devices that have it keep it.',
    params: channelParams,
    answers: { 200: { description: 'It is not in the channel.', json: release } },
    async handle({ server, tenant, principal, params, now }) {
      const who = { tenantId: tenant.id, actor: principal.name, now };
      const found = await findByDigest(server.database.sql, tenant.id, params.digest);
      await server.database.transaction(async (tx) => {
        await leaveChannel(tx, found, params.channel, who);
      });
      return viewOf(server, tenant, found.id);
    },
  }),
];

async function viewOf({ database }: ServerContext, { id: tenantId }: Tenant, id: number) {
  return releaseView(await findById(database.sql, tenantId, id));
}
