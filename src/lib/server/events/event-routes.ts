import * as z from 'zod/mini';
import { EVENT_TYPES, fleetEvent, parsePosition, type StreamPosition } from '../../wire/events.js';
import type { OperatorPrincipal } from '../access/principal.js';
import type { ServerContext } from '../context.js';
import { hijacked, needs, type RouteDefinition, route } from '../http/route.js';
import { badRequest, ServerFailure } from '../http/server-failure.js';
import { DeviceMatch } from './device-match.js';
import type { EventType } from './event-log.js';
import { EventStream } from './event-stream.js';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

export const eventRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/api/v1/events',
    access: needs('events:read'),
    summary:
      'Streams what happens as Server-Sent Events: status, rollouts, alerts and telemetry. Goes on where Last-Event-ID says; what cannot be told any more is a gap event.',
    query: z.object({
      types: z.optional(z.string().check(z.maxLength(64))),
      where: z.optional(z.string().check(z.maxLength(16 * 1024))),
      device: z.optional(z.string().check(z.minLength(1), z.maxLength(256))),
      since: z.optional(z.string().check(z.regex(TIME, 'expected RFC 3339'))),
    }),
    answers: {
      200: { description: 'text/event-stream; each data is one of these, or a gap or end event.', json: fleetEvent },
    },
    handle: async (call) => {
      const { server, tenant, query, request, reply, principal } = call;
      const types = typesOf(query.types, principal);
      const hasTelemetry = types.includes('telemetry');
      const match = query.where === undefined ? undefined : new DeviceMatch(server, tenant.id, query.where);
      const start = await startOf(server, tenant.id, request.headers['last-event-id'], query.since);
      using _slot = server.streams.take(tenant.id);
      reply.hijack();
      reply.raw.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no', // nginx would hold events back
      });
      const stream = new EventStream(reply.raw, {
        server,
        tenant,
        types: types.filter((type) => type !== 'telemetry') as EventType[],
        hasTelemetry,
        device: query.device,
        match,
        start,
        signal: call.signal,
        authenticateAgain: call.authenticateAgain,
      });
      await stream.run().catch((error: unknown) => {
        // The answer has begun: all that is left is to end it, and the client comes back.
        if (!call.signal.aborted) server.log.error('an event stream failed', { error: (error as Error).message });
        reply.raw.destroy();
      });
      return hijacked;
    },
  }),
];

/** @throws ServerFailure 400 for types that there are none, 403 for telemetry without the permission */
function typesOf(text: string | undefined, { role, permissions }: OperatorPrincipal): readonly string[] {
  const types = text === undefined ? EVENT_TYPES : text.split(',');
  const unknown = types.find((type) => !(EVENT_TYPES as readonly string[]).includes(type));
  if (unknown !== undefined) throw badRequest(`types: got "${unknown}", expected some of ${EVENT_TYPES.join(', ')}`);
  if (types.includes('telemetry') && !permissions.has('telemetry:read')) {
    throw new ServerFailure(403, 'FORBIDDEN', `the role ${role} does not allow telemetry:read`);
  }
  return types;
}

async function startOf(
  { events, telemetry }: ServerContext,
  tenantId: number,
  lastEventId: string | string[] | undefined,
  since: string | undefined,
): Promise<StreamPosition> {
  const newest = { event: await events.lastSeq(), telemetry: await telemetry.log.lastSeq() };
  if (typeof lastEventId === 'string' && lastEventId !== '') {
    const position = parsePosition(lastEventId);
    if (position === undefined) throw badRequest('Last-Event-ID: expected the id of an event of this stream');
    // Of a server that was set back to a backup: what it does not know yet comes from here on.
    return {
      event: Math.min(position.event, newest.event),
      telemetry: Math.min(position.telemetry, newest.telemetry),
    };
  }
  if (since === undefined) return newest;
  const time = Date.parse(since);
  if (Number.isNaN(time)) throw badRequest('since: expected RFC 3339');
  return { event: await events.seqBefore(tenantId, time), telemetry: await telemetry.log.seqBefore(time) };
}
