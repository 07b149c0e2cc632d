import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { type $ZodType, toJSONSchema } from 'zod/v4/core';
import type { Access, BodySpec, RouteDefinition } from './route.js';

/** Has the framework keep a document of the routes that are added from now on; `app.swagger()` gives it. */
export async function keepApiDocument(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    exposeHeadRoutes: true,
    openapi: {
      openapi: '3.1.0',
      info: { title: 'ota-fleet server', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'An API token, or the token of a session.' },
          basic: { type: 'http', scheme: 'basic', description: 'Operator name (TENANT\\name) and password.' },
          device: {
            type: 'apiKey',
            in: 'header',
            name: 'Authorization',
            description: '`TargetToken …` of the device, or `GatewayToken …` of its tenant.',
          },
        },
      },
    },
  });
}

/** What the document says of a route. */
export function apiDescription({ path, access, summary, params, query, body, answers }: RouteDefinition): object {
  return {
    summary,
    tags: [tagOf(path)],
    security: SECURITY[access.kind],
    ...(access.kind === 'operator' && { description: `Needs the permission \`${access.permission}\`.` }),
    ...(params && { params: schemaOf(params) }),
    ...(query && { querystring: schemaOf(query) }),
    ...bodyOf(body),
    response: Object.fromEntries(
      Object.entries(answers).map(([status, { description, json }]) => [
        status,
        { description, ...(json && { content: { 'application/json': { schema: schemaOf(json) } } }) },
      ]),
    ),
  };
}

const SECURITY: Readonly<Record<Access['kind'], readonly object[]>> = {
  public: [],
  operator: [{ bearer: [] }, { basic: [] }],
  device: [{ device: [] }],
};

function tagOf(path: string): string {
  if (path.startsWith('/rest/v1')) return 'hawkBit Management API';
  if (path.startsWith('/api/v1')) return 'API';
  return path.startsWith('/{tenant}') ? 'Devices' : 'Operation';
}

function bodyOf(body: BodySpec | undefined): object {
  if (body === undefined) return {};
  if ('json' in body) return { body: schemaOf(body.json), consumes: ['application/json'] };
  return { body: { type: 'string', format: 'binary' }, consumes: [...body.stream] };
}

/** As it is sent: a value that is converted when read (`"5"` to 5) is described by what goes in. */
function schemaOf(schema: $ZodType): object {
  const { $schema: _, ...rest } = toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}
