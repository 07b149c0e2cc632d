import multipart from '@fastify/multipart';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { $ZodType } from 'zod/v4/core';
import { OtaError } from '../../core/errors.js';
import { checkSchema } from '../../core/schema.js';
import type { Authenticator } from '../access/authenticator.js';
import type { Principal } from '../access/principal.js';
import type { ServerContext } from '../context.js';
import { refuseCrossSite } from './cross-site.js';
import { failureBody } from './failure-body.js';
import { readJsonBody } from './json-body.js';
import { apiDescription, keepApiDocument } from './openapi.js';
import { Answer, type Call, hijacked, type RouteDefinition } from './route.js';
import { helmetHeaders } from './security-headers.js';
import { ServerFailure, serverFailureOf } from './server-failure.js';

const MAX_JSON_BYTES = 1024 ** 2;
/** So long that what is too long is refused by its schema, as what it is. Encoded characters. */
const MAX_PARAM_LENGTH = 8_192;
/** From the first byte of a request to the end of its headers: row 61 of the refusal catalogue. Milliseconds. */
const HEADERS_TIMEOUT_MS = 10_000;
/** A client that neither sends nor takes anything for so long is cut. */
const IDLE_TIMEOUT_MS = 60_000;
/** How often the log is told of a full disk at most. */
const FULL_DISK_EVERY_MS = 60_000;

export interface AppOptions {
  readonly server: ServerContext;
  readonly routes: readonly RouteDefinition[];
  readonly authenticator: Authenticator;
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer; readonly ca?: Buffer };
}

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | undefined;
    checkedParams: unknown;
  }
}

/** The HTTP side: a table of routes becomes a server. */
export async function buildApp({ server, routes, authenticator, tls }: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    bodyLimit: MAX_JSON_BYTES,
    forceCloseConnections: 'idle',
    connectionTimeout: IDLE_TIMEOUT_MS,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 1_000 },
    ...(tls === undefined
      ? {}
      : { https: { ...tls, ...(tls.ca && { requestCert: true, rejectUnauthorized: false }), minVersion: 'TLSv1.2' } }),
  } as Parameters<typeof Fastify>[0]) as unknown as FastifyInstance;
  app.decorateRequest('principal', undefined);
  app.decorateRequest('checkedParams', undefined);
  // Handlers are given what the schemas of their routes have checked.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => JSON.stringify);
  app.removeAllContentTypeParsers();
  // One file a request. Whoever reads it stops where the server's limit is.
  await app.register(multipart, { limits: { files: 1, fields: 16, fieldSize: 4096, fileSize: Infinity } });
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  const tellFullDisk = fullDiskTeller(server);
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof OtaError && error.code === 'NO_SPACE') tellFullDisk(error.message);
    return answerFailure(error, request, reply, server);
  });
  app.setNotFoundHandler((request, reply) =>
    answerFailure(new ServerFailure(404, 'NOT_FOUND', 'there is nothing at this address'), request, reply, server),
  );
  const securityHeaders = await helmetHeaders();
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(securityHeaders);
    done();
  });
  await keepApiDocument(app, server.settings.version);
  app.addHook('onResponse', async ({ method, routeOptions }, { statusCode, elapsedTime }) => {
    const labels = { method, route: routeOptions.url ?? 'none', status: statusCode };
    server.metrics.requests.observe(labels, elapsedTime / 1000);
  });
  for (const definition of routes) addRoute(app, definition, server, authenticator);
  return app;
}

function addRoute(
  app: FastifyInstance,
  definition: RouteDefinition,
  server: ServerContext,
  authenticator: Authenticator,
): void {
  const { method, path, access, params, query, body } = definition;
  app.route({
    method,
    url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    exposeHeadRoute: false,
    schema: apiDescription(definition),
    bodyLimit: body?.maxBytes ?? MAX_JSON_BYTES,
    onRequest: async (request) => {
      refuseCrossSite(request.raw);
      request.checkedParams = checked(params, request.params, 'path');
      request.principal = await authenticator.authenticate(access, request);
    },
    handler: async (request, reply) => {
      const { principal } = request;
      let signal: AbortSignal | undefined;
      const call: Call<unknown, unknown, unknown, unknown> = {
        server,
        principal,
        tenant: principal?.tenant as never,
        params: request.checkedParams,
        query: checked(query, request.query, 'query'),
        body: await bodyOf(definition, request),
        now: server.clock.now().getTime(),
        // Made only for who asks for it: most do not, thousands of times a second.
        get signal() {
          signal ??= goneSignal(reply, server.stopping);
          return signal;
        },
        authenticateAgain: async () => {
          await authenticator.authenticate(access, request);
        },
        request,
        reply,
      };
      const result = await definition.handle(call as never);
      // The connection would be kept open for further requests, and the server waits for it.
      if (server.stopping.aborted) void reply.header('connection', 'close');
      return send(result, reply);
    },
  });
}

function checked(schema: $ZodType | undefined, value: unknown, name: string): unknown {
  return schema === undefined ? undefined : checkSchema(schema, value, { code: 'USAGE', name });
}

async function bodyOf({ body }: RouteDefinition, request: FastifyRequest): Promise<unknown> {
  if (body === undefined || 'stream' in body) return undefined;
  const value = await readJsonBody(request.raw, {
    maxBytes: body.maxBytes ?? MAX_JSON_BYTES,
    maxValues: body.maxValues,
    isOptional: body.isOptional ?? false,
  });
  return value === undefined ? undefined : checked(body.json, value, 'body');
}

/** A signal for the time that somebody waits for the answer. */
function goneSignal({ raw }: FastifyReply, stopping: AbortSignal): AbortSignal {
  const gone = new AbortController();
  // Not of the connection: it may go on to carry many requests.
  raw.once('close', () => gone.abort());
  return AbortSignal.any([gone.signal, stopping]);
}

function send(result: unknown, reply: FastifyReply): FastifyReply {
  if (result === hijacked) return reply;
  if (!(result instanceof Answer)) return reply.send(result);
  void reply.code(result.status).headers(result.headers);
  return reply.send(result.body);
}

function answerFailure(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { log, stopping }: ServerContext,
): FastifyReply {
  const failure = serverFailureOf(error) ?? ofFastify(error) ?? internal(error, request, log);
  void reply.code(failure.status).headers(failure.headers);
  // What is left of a body that nobody read would be taken for the next request.
  if (!request.raw.complete || stopping.aborted) void reply.header('connection', 'close');
  return reply.send(failureBody(failure, request.url));
}

/** Every request of a fleet may fail for it. */
function fullDiskTeller({ log, clock }: ServerContext): (message: string) => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  return (message) => {
    const now = clock.now().getTime();
    if (Math.abs(now - toldAt) < FULL_DISK_EVERY_MS) return;
    toldAt = now;
    log.error('requests are refused: the disk is full', { error: message });
  };
}

/** What the framework itself refuses: too large, not understood, at a rate too high. */
function ofFastify(error: unknown): ServerFailure | undefined {
  const {
    statusCode,
    code = 'BAD_REQUEST',
    message,
  } = error as { statusCode?: number; code?: string; message: string };
  if (statusCode === undefined || statusCode >= 500) return undefined;
  return new ServerFailure(statusCode, code, message);
}

function internal(error: unknown, { method, url }: FastifyRequest, log: ServerContext['log']): ServerFailure {
  log.error('a request failed for no reason that the server knows', {
    request: `${method} ${url.split('?', 1)[0]}`,
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return new ServerFailure(500, 'INTERNAL', 'the server failed; its log has the reason');
}
