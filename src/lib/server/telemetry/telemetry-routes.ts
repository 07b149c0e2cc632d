import * as z from 'zod/mini';
import { OtaError } from '../../core/errors.js';
import { deviceId } from '../../wire/device-id.js';
import {
  TELEMETRY_MAX_BATCH_BYTES,
  TELEMETRY_MAX_BATCH_LINES,
  TELEMETRY_MAX_PAGE,
  type TelemetryAnswer,
  type TelemetryPage,
  telemetryAnswer,
  telemetryPage,
} from '../../wire/telemetry.js';
import { readBody } from '../http/json-body.js';
import { type Call, DEVICE, needs, type RouteDefinition, route } from '../http/route.js';
import { badRequest, notFound, ServerFailure } from '../http/server-failure.js';
import { MAX_DEVICE_LENGTH } from './decode-telemetry.js';
import { busy } from './telemetry-intake.js';
import type { StoredMessage } from './telemetry-log.js';

const LINE_FEED = 0x0a;
const DEFAULT_PAGE = 1_000;
/** Messages of one page, unless a single one has more. Bytes. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
const CURSOR = /^(-?\d{1,16})-(\d{1,15})$/;

const name = z.string().check(z.minLength(1), z.maxLength(MAX_DEVICE_LENGTH));
const time = z
  .string()
  .check(z.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/, 'expected RFC 3339'));

const body = { stream: ['application/x-ndjson'], maxBytes: TELEMETRY_MAX_BATCH_BYTES };
const answers = {
  200: { description: 'What became of the lines; what was accepted is durable.', json: telemetryAnswer },
};

export const telemetryRoutes: readonly RouteDefinition[] = [
  route({
    method: 'POST',
    path: '/api/v1/telemetry',
    access: needs('telemetry:write'),
    summary:
      'Keeps telemetry of any devices of the tenant: NDJSON, each line names its device with deviceId or vin. Sent again, a message is kept once.',
    body,
    answers,
    handle: (call) =>
      withLines(call, (bytes) => {
        const { server, tenant, now } = call;
        return server.telemetry.keepOfKnown({ tenant, path: 'http', bytes, receivedAt: now }, now);
      }),
  }),
  route({
    method: 'POST',
    path: '/{tenant}/telemetry/v1/{controllerId}',
    access: DEVICE,
    summary: 'Keeps telemetry of one device, sent by itself or by a gateway: NDJSON.',
    params: z.object({ tenant: name, controllerId: deviceId }),
    body,
    answers,
    handle: (call) =>
      withLines(call, (bytes) => {
        const { server, principal, params, now } = call;
        if (principal.device === undefined) throw notFound('such device');
        const { tenant } = principal;
        const batch = { tenant, path: 'http', bytes, device: params.controllerId, receivedAt: now } as const;
        return server.telemetry.keep(batch);
      }),
  }),
  route({
    method: 'GET',
    path: '/api/v1/devices/{controllerId}/telemetry',
    access: needs('telemetry:read'),
    summary: 'Lists the kept telemetry of a device by time, the newest first unless asked otherwise.',
    params: z.object({ controllerId: deviceId }),
    query: z.object({
      from: z.optional(time),
      to: z.optional(time),
      type: z.optional(z.string().check(z.minLength(1), z.maxLength(128))),
      order: z.optional(z.enum(['newest', 'oldest'])),
      limit: z.optional(z.string().check(z.regex(/^\d{1,5}$/, 'expected a number'))),
      cursor: z.optional(z.string().check(z.regex(CURSOR, 'expected the cursor of a page'))),
    }),
    answers: { 200: { description: 'A page.', json: telemetryPage } },
    handle: async ({ server, tenant, params, query }) => {
      const device = await server.database.sql
        .selectFrom('device')
        .select('id')
        .where('tenant_id', '=', tenant.id)
        .where('controller_id', '=', params.controllerId)
        .executeTakeFirst();
      if (device === undefined) throw notFound('such device');
      const limit = Number(query.limit ?? DEFAULT_PAGE);
      if (limit < 1 || limit > TELEMETRY_MAX_PAGE)
        throw badRequest(`limit: got ${limit}, expected 1 to ${TELEMETRY_MAX_PAGE}`);
      const behind = CURSOR.exec(query.cursor ?? '');
      const messages = await server.telemetry.log.page({
        tenantId: tenant.id,
        device: params.controllerId,
        from: query.from === undefined ? Number.MIN_SAFE_INTEGER : Date.parse(query.from),
        to: query.to === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(query.to),
        type: query.type,
        order: query.order ?? 'newest',
        ...(behind !== null && { behind: { time: Number(behind[1]), seq: Number(behind[2]) } }),
        limit: limit + 1,
        maxBytes: MAX_PAGE_BYTES,
      });
      return pageOf(messages, limit);
    },
  }),
];

type StreamCall = Pick<Call<unknown, unknown, unknown, unknown>, 'server' | 'request'>;

/** Reads the body of a batch while there is room for it, and answers with what became of it. */
async function withLines(
  { server, request: { raw } }: StreamCall,
  keep: (bytes: Uint8Array) => Promise<TelemetryAnswer>,
): Promise<TelemetryAnswer> {
  const declared = Number(raw.headers['content-length'] ?? TELEMETRY_MAX_BATCH_BYTES);
  using _room = server.telemetry.reserve(Math.min(declared, TELEMETRY_MAX_BATCH_BYTES));
  const bytes = wholeLines(await readBody(raw, TELEMETRY_MAX_BATCH_BYTES));
  const answer = await keep(bytes).catch((error: unknown) => {
    throw error instanceof OtaError && error.code === 'LIMIT_EXCEEDED' ? busy() : error;
  });
  const [first] = answer.problems;
  if (first !== undefined && answer.accepted + answer.duplicates + answer.conflicts === 0) {
    const message = `none of the lines could be kept; line ${first.line}: ${first.cause}`;
    throw new ServerFailure(400, 'MESSAGES_REFUSED', message);
  }
  return answer;
}

/** @throws ServerFailure 400 for none, 413 for too many */
function wholeLines(body: Buffer): Uint8Array {
  const bytes = body.length > 0 && body.at(-1) !== LINE_FEED ? Buffer.concat([body, Buffer.of(LINE_FEED)]) : body;
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) lines++;
  if (lines === 0) throw badRequest('the request has no body, lines of JSON were expected');
  if (lines > TELEMETRY_MAX_BATCH_LINES) {
    const message = `the batch has ${lines} lines, at most ${TELEMETRY_MAX_BATCH_LINES} are taken together`;
    throw new ServerFailure(413, 'BATCH_TOO_LARGE', message);
  }
  return bytes;
}

function pageOf(found: readonly StoredMessage[], limit: number): TelemetryPage {
  const messages: StoredMessage[] = [];
  let bytes = 0;
  for (const message of found) {
    if (messages.length === limit || bytes >= MAX_PAGE_BYTES) break;
    messages.push(message);
    bytes += message.line.length;
  }
  const last = messages.at(-1);
  return {
    messages: messages.map(({ seq, device, time: ms, type, line }) => ({
      seq,
      device,
      time: new Date(ms).toISOString(),
      ...(type !== null && { type }),
      body: JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8')),
    })),
    ...(last !== undefined && messages.length < found.length && { cursor: `${last.time}-${last.seq}` }),
  };
}
