import type { Selectable } from 'kysely';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { notFound } from '../http/server-failure.js';
import type { LinkMaker } from './links.js';

export type ModuleRow = Selectable<Schema['software_module']> & { readonly type_name: string };
export type ArtifactRow = Selectable<Schema['artifact']>;

/** Modules with the names of their types. */
export function modulesOf(db: Queryable, tenantId: number) {
  return db
    .selectFrom('software_module')
    .innerJoin('software_module_type', (join) =>
      join
        .onRef('software_module_type.key', '=', 'software_module.type_key')
        .onRef('software_module_type.tenant_id', '=', 'software_module.tenant_id'),
    )
    .selectAll('software_module')
    .select('software_module_type.name as type_name')
    .where('software_module.tenant_id', '=', tenantId);
}

/** @throws ServerFailure 404 */
export async function findModule(db: Queryable, tenantId: number, id: number): Promise<ModuleRow> {
  const module = await modulesOf(db, tenantId)
    .where('software_module.id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (module === undefined) throw notFound(`software module ${id}`);
  return module;
}

/** A software module as hawkBit writes it. */
export function moduleBody(module: ModuleRow, link: LinkMaker): object {
  const path = `/softwaremodules/${module.id}`;
  return {
    createdBy: module.created_by,
    createdAt: module.created_at,
    lastModifiedBy: module.created_by,
    lastModifiedAt: module.created_at,
    name: module.name,
    ...(module.description !== null && { description: module.description }),
    version: module.version,
    type: module.type_key,
    typeName: module.type_name,
    ...(module.vendor !== null && { vendor: module.vendor }),
    deleted: module.deleted_at !== null,
    encrypted: false,
    locked: false,
    id: module.id,
    _links: { self: link(path), artifacts: link(`${path}/artifacts`) },
  };
}

/** A file of a module as hawkBit writes it, and whether its signature was verified. */
export function artifactBody(artifact: ArtifactRow, link: LinkMaker, { isFull }: { isFull: boolean }): object {
  const path = `/softwaremodules/${artifact.module_id}/artifacts/${artifact.id}`;
  return {
    createdBy: artifact.created_by,
    createdAt: artifact.created_at,
    lastModifiedBy: artifact.created_by,
    lastModifiedAt: artifact.created_at,
    id: artifact.id,
    hashes: { sha1: artifact.sha1, md5: artifact.md5, sha256: artifact.sha256 },
    providedFilename: artifact.filename,
    size: artifact.size,
    format: artifact.format,
    verification: artifact.verification,
    _links: { self: link(path), ...(isFull && { download: link(`${path}/download`) }) },
  };
}
