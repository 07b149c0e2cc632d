import type { Selectable } from 'kysely';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { notFound } from '../http/server-failure.js';
import type { LinkMaker } from './links.js';
import { type ModuleRow, moduleBody, modulesOf } from './module-body.js';

export interface SetRow extends Selectable<Schema['distribution_set']> {
  readonly type_id: number;
  readonly type_name: string;
  /** JSON array of module type keys. */
  readonly mandatory_types: string;
  readonly optional_types: string;
}

/** Distribution sets with what their types say. */
export function setsOf(db: Queryable, tenantId: number) {
  return db
    .selectFrom('distribution_set')
    .innerJoin('distribution_set_type', (join) =>
      join
        .onRef('distribution_set_type.key', '=', 'distribution_set.type_key')
        .onRef('distribution_set_type.tenant_id', '=', 'distribution_set.tenant_id'),
    )
    .selectAll('distribution_set')
    .select([
      'distribution_set_type.id as type_id',
      'distribution_set_type.name as type_name',
      'mandatory_types',
      'optional_types',
    ])
    .where('distribution_set.tenant_id', '=', tenantId);
}

/** @throws ServerFailure 404 */
export async function findSet(db: Queryable, tenantId: number, id: number): Promise<SetRow> {
  const set = await setsOf(db, tenantId)
    .where('distribution_set.id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (set === undefined) throw notFound(`distribution set ${id}`);
  return set;
}

/** The modules of sets, by the number of the set. */
export async function modulesBySet(
  db: Queryable,
  tenantId: number,
  setIds: readonly number[],
): Promise<Map<number, ModuleRow[]>> {
  if (setIds.length === 0) return new Map();
  const rows = await modulesOf(db, tenantId)
    .innerJoin('distribution_set_module', 'distribution_set_module.module_id', 'software_module.id')
    .select('distribution_set_module.set_id')
    .where('distribution_set_module.set_id', 'in', setIds)
    .orderBy('software_module.id')
    .execute();
  return Map.groupBy(rows, ({ set_id }) => set_id);
}

/** Whether a set has a module of every type that its own type demands. */
export function isComplete({ mandatory_types }: SetRow, modules: readonly ModuleRow[]): boolean {
  return (JSON.parse(mandatory_types) as string[]).every((type) => modules.some(({ type_key }) => type_key === type));
}

/** A distribution set as hawkBit writes it. */
export function setBody(set: SetRow, modules: readonly ModuleRow[], link: LinkMaker): object {
  const path = `/distributionsets/${set.id}`;
  return {
    createdBy: set.created_by,
    createdAt: set.created_at,
    lastModifiedBy: set.created_by,
    lastModifiedAt: set.created_at,
    name: set.name,
    ...(set.description !== null && { description: set.description }),
    version: set.version,
    modules: modules.map((module) => moduleBody(module, link)),
    requiredMigrationStep: set.is_migration_required === 1,
    type: set.type_key,
    typeName: set.type_name,
    complete: isComplete(set, modules),
    deleted: set.deleted_at !== null,
    valid: set.invalidated_at === null,
    locked: false,
    id: set.id,
    _links: {
      self: link(path),
      modules: link(`${path}/assignedSM?offset=0&limit=50`),
      type: link(`/distributionsettypes/${set.type_id}`),
    },
  };
}
