import * as z from 'zod/mini';
import { ddiArtifact } from '../../wire/ddi.js';
import type { OfferedFile } from '../artifacts/offer.js';
import { openArtifact } from '../artifacts/open-artifact.js';
import { Answer, DEVICE, type RouteDefinition, route } from '../http/route.js';
import { notFound } from '../http/server-failure.js';
import { artifactOf } from './deployment.js';
import {
  DEVICE_PATH,
  type DeviceCall,
  type DeviceParams,
  deviceUrl,
  fileParams,
  knownDevice,
  moduleParams,
} from './device-call.js';

const MD5SUM = '.MD5SUM';
type ModuleCall = DeviceCall<DeviceParams & { moduleId: number }>;

/** The files of what a device is, or was, to install. */
export const artifactRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: `${DEVICE_PATH}/softwaremodules/{moduleId}/artifacts`,
    access: DEVICE,
    summary: 'Lists the artifacts of a software module that was assigned to the device.',
    params: moduleParams,
    answers: { 200: { description: 'The artifacts.', json: z.array(ddiArtifact) } },
    handle: async (call) => {
      await requireAssigned(call);
      const files = await call.server.database.sql
        .selectFrom('artifact')
        .select(['filename', 'size', 'md5', 'sha1', 'sha256'])
        .where('module_id', '=', call.params.moduleId)
        .orderBy('id')
        .execute();
      const folder = `${deviceUrl(call)}/softwaremodules/${call.params.moduleId}/artifacts`;
      return files.map((file) => artifactOf(file, folder));
    },
  }),
  ...(['GET', 'HEAD'] as const).map((method) =>
    route({
      method,
      path: `${DEVICE_PATH}/softwaremodules/{moduleId}/artifacts/{filename}`,
      access: DEVICE,
      summary:
        method === 'GET'
          ? 'Sends an artifact, or a range of it; with .MD5SUM behind its name, its MD5.'
          : 'Tells size and hashes of an artifact.',
      params: fileParams,
      answers: {
        200: { description: 'The whole file.' },
        206: { description: 'The part that Range asked for.' },
        304: { description: 'If-None-Match names it: the device has it.' },
      },
      handle: async (call) => {
        await requireAssigned(call);
        const { filename } = call.params;
        const file = await fileNamed(call, filename);
        if (file !== undefined) return openArtifact(call.server, file, call.request);
        const summed = filename.endsWith(MD5SUM) ? await fileNamed(call, filename.slice(0, -MD5SUM.length)) : undefined;
        if (summed === undefined) throw notFound('such artifact');
        return new Answer(200, `${summed.md5}  ${summed.filename}`, { 'content-type': 'text/plain; charset=utf-8' });
      },
    }),
  ),
];

/** @throws ServerFailure 404: no set with this module was assigned to the device, or all of them were withdrawn */
async function requireAssigned(call: ModuleCall): Promise<void> {
  const { server, tenant, params } = call;
  const assigned = await server.database.sql
    .selectFrom('distribution_set_module as m')
    .innerJoin('action as a', 'a.set_id', 'm.set_id')
    .innerJoin('distribution_set as s', 's.id', 'm.set_id')
    .select('a.id')
    .where('m.module_id', '=', params.moduleId)
    .where('a.device_id', '=', knownDevice(call).id)
    .where('a.tenant_id', '=', tenant.id)
    .where('s.invalidated_at', 'is', null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('release')
            .select('id')
            .whereRef('release.set_id', '=', 'm.set_id')
            .where('yanked_at', 'is not', null),
        ),
      ),
    )
    .limit(1)
    .executeTakeFirst();
  if (assigned === undefined) throw notFound(`software module ${params.moduleId} for this device`);
}

/** A file or a cut of one. */
async function fileNamed({ server, params }: ModuleCall, filename: string): Promise<OfferedFile | undefined> {
  const { sql } = server.database;
  const artifact = await sql
    .selectFrom('artifact')
    .select(['filename', 'size', 'md5', 'sha1', 'sha256'])
    .where('module_id', '=', params.moduleId)
    .where('filename', '=', filename)
    .executeTakeFirst();
  if (artifact !== undefined) return artifact;
  return sql
    .selectFrom('artifact_cut as c')
    .innerJoin('artifact as a', 'a.id', 'c.artifact_id')
    .select(['c.filename', 'c.size', 'c.md5', 'c.sha1', 'c.sha256'])
    .where('a.module_id', '=', params.moduleId)
    .where('c.filename', '=', filename)
    .executeTakeFirst();
}
