import * as z from 'zod/mini';
import { channelList, pathAnswer, rollbackAnswer } from '../../wire/catalog.js';
import { deviceParams } from '../api/devices/one-device.js';
import { needs, type RouteDefinition, route } from '../http/route.js';
import { findPath } from './find-path.js';
import { findRollback } from './find-rollback.js';
import { listChannels } from './list-channels.js';
import { releaseRoutes } from './release-routes.js';

const name = z.string().check(z.minLength(1), z.maxLength(512));

/** The catalogue: releases and channels, and where devices can go among them. */
export const catalogueRoutes: readonly RouteDefinition[] = [
  ...releaseRoutes,
  route({
    method: 'GET',
    path: '/api/v1/channels',
    access: needs('software:read'),
    summary: 'Lists the channels of every product, or of one, with the newest release of each.',
    query: z.strictObject({ product: z.optional(name) }),
    answers: { 200: { description: 'The channels.', json: channelList } },
    handle: ({ server, tenant, query }) => listChannels(server.database.sql, tenant.id, query.product),
  }),
  route({
    method: 'GET',
    path: '/api/v1/paths',
    access: needs('software:read'),
    summary: 'Finds the cheapest way to a release, step by step, or what stands in its way.',
    query: z.strictObject({
      /** Where `from` and `to` do not say it. */
      product: z.optional(name),
      /** A version, a digest or its beginning, `device:ID`. */
      from: name,
      /** A version, a digest or its beginning, `channel:NAME`. */
      to: z._default(name, 'channel:stable'),
    }),
    answers: { 200: { description: 'The way, or why there is none.', json: pathAnswer } },
    handle: ({ server, tenant, query, now }) => findPath(server.database.sql, query, { tenantId: tenant.id, now }),
  }),
  route({
    method: 'GET',
    path: '/api/v1/devices/{controllerId}/rollback-target',
    access: needs('devices:read'),
    summary: 'Foretells which release a device would go back to, and why not to the others.',
    params: deviceParams,
    answers: { 200: { description: 'The candidates, the newest first.', json: rollbackAnswer } },
    handle: ({ server, tenant, params, now }) =>
      findRollback(server.database.sql, params.controllerId, { tenantId: tenant.id, now }),
  }),
];
