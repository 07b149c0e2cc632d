import type {} from '@fastify/multipart'; // request.file()
import * as z from 'zod/mini';
import { openArtifact } from '../artifacts/open-artifact.js';
import { storeArtifact } from '../artifacts/store-artifact.js';
import type { Queryable } from '../database/database.js';
import { refuseLargeBody } from '../http/json-body.js';
import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { badRequest, notFound, ServerFailure } from '../http/server-failure.js';
import { change } from './change.js';
import { linksOf } from './links.js';
import { isFull, pathId } from './list-query.js';
import { type ArtifactRow, artifactBody, findModule } from './module-body.js';

const modulePath = z.object({ id: pathId });
const artifactPath = z.object({ id: pathId, artifactId: pathId });
const hexDigits = (digits: number) =>
  z.optional(z.string().check(z.regex(new RegExp(`^[0-9a-fA-F]{${digits}}$`), `expected ${digits} hex digits`)));

/** What stands around the file in a multipart body. Bytes. */
const MULTIPART_OVERHEAD = 64 * 1024;
/** More than any server takes: its own limit is asked for while the bytes come in. */
const MAX_BODY_BYTES = Number.MAX_SAFE_INTEGER;

/** The files of software modules. */
export const artifactRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/rest/v1/softwaremodules/{id}/artifacts',
    access: needs('software:read'),
    summary: 'Lists the files of a software module.',
    params: modulePath,
    query: z.object({ representation: z.optional(z.string()) }),
    answers: { 200: { description: 'All files.' } },
    async handle({ server: { database }, tenant, params, query, request }) {
      await findModule(database.sql, tenant.id, params.id);
      const artifacts = await database.sql
        .selectFrom('artifact')
        .selectAll()
        .where('module_id', '=', params.id)
        .where('tenant_id', '=', tenant.id)
        .orderBy('id')
        .execute();
      const link = linksOf(request);
      return artifacts.map((artifact) => artifactBody(artifact, link, { isFull: isFull(query) }));
    },
  }),
  route({
    method: 'POST',
    path: '/rest/v1/softwaremodules/{id}/artifacts',
    access: needs('software:write'),
    summary: 'Uploads a file of a software module, as the part `file`. A package must be signed as the tenant demands.',
    params: modulePath,
    query: z.object({
      filename: z.optional(z.string().check(z.maxLength(256))),
      md5sum: hexDigits(32),
      sha1sum: hexDigits(40),
      sha256sum: hexDigits(64),
    }),
    body: { stream: ['multipart/form-data'], maxBytes: MAX_BODY_BYTES },
    answers: { 201: { description: 'The file.' }, 409: { description: 'The module has a file of this name.' } },
    async handle(call) {
      const { server, tenant, principal, params, query, request, signal } = call;
      await findModule(server.database.sql, tenant.id, params.id);
      refuseLargeBody(request.raw, server.settings.maxArtifactBytes + MULTIPART_OVERHEAD);
      if (!request.isMultipart()) {
        throw new ServerFailure(415, 'MEDIA_TYPE', 'the body is not multipart/form-data, which was expected');
      }
      const part = await request.file();
      if (part === undefined) throw badRequest('the body has no part "file"');
      const filename = query.filename ?? part.filename;
      if (filename === undefined || filename === '') throw badRequest('neither the part nor the query has a filename');
      const { id } = await storeArtifact(server, {
        ...{ tenantId: tenant.id, moduleId: params.id, filename, source: part.file, actor: principal.name, signal },
        expected: { md5: query.md5sum, sha1: query.sha1sum, sha256: query.sha256sum },
      });
      const artifact = await findArtifact(server.database.sql, tenant.id, { id: params.id, artifactId: id });
      return new Answer(201, artifactBody(artifact, linksOf(request), { isFull: true }));
    },
  }),
  route({
    method: 'GET',
    path: '/rest/v1/softwaremodules/{id}/artifacts/{artifactId}',
    access: needs('software:read'),
    summary: 'Tells about a file.',
    params: artifactPath,
    answers: { 200: { description: 'The file.' } },
    handle: async ({ server, tenant, params, request }) =>
      artifactBody(await findArtifact(server.database.sql, tenant.id, params), linksOf(request), { isFull: true }),
  }),
  route({
    method: 'DELETE',
    path: '/rest/v1/softwaremodules/{id}/artifacts/{artifactId}',
    access: needs('software:write'),
    summary: 'Removes a file; devices that are on their way to it fail.',
    params: artifactPath,
    answers: { 204: { description: 'It is gone.' } },
    async handle(call) {
      const { tenant, params } = call;
      await change(call, async (tx) => {
        const { id, filename, sha256 } = await findArtifact(tx, tenant.id, params);
        const release = await tx.selectFrom('release').select('id').where('artifact_id', '=', id).executeTakeFirst();
        if (release !== undefined) {
          throw new ServerFailure(423, 'ARTIFACT_LOCKED', `file ${id} is in the catalogue; yank its release instead`);
        }
        await tx.deleteFrom('artifact').where('id', '=', id).execute();
        const detail = { module: params.id, filename, sha256 };
        return { result: undefined, audit: { action: 'artifact.deleted', object: `artifact:${id}`, detail } };
      });
      return new Answer(204);
    },
  }),
  downloadRoute('GET'),
  downloadRoute('HEAD'),
];

function downloadRoute(method: 'GET' | 'HEAD'): RouteDefinition {
  return route({
    method,
    path: '/rest/v1/softwaremodules/{id}/artifacts/{artifactId}/download',
    access: needs('software:read'),
    summary: 'Downloads a file, whole or a range of it.',
    params: artifactPath,
    answers: { 200: { description: 'The bytes.' }, 206: { description: 'Some of the bytes.' } },
    async handle({ server, tenant, params, request }) {
      const artifact = await findArtifact(server.database.sql, tenant.id, params);
      return openArtifact(server, artifact, request);
    },
  });
}

/** @throws ServerFailure 404 */
async function findArtifact(
  db: Queryable,
  tenantId: number,
  { id, artifactId }: { id: number; artifactId: number },
): Promise<ArtifactRow> {
  const artifact = await db
    .selectFrom('artifact')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('module_id', '=', id)
    .where('id', '=', artifactId)
    .executeTakeFirst();
  if (artifact === undefined) throw notFound(`file ${artifactId} of software module ${id}`);
  return artifact;
}
