import type { Transaction } from 'kysely';
import type { Schema } from '../database/schema.js';
import { notFound, ServerFailure } from '../http/server-failure.js';

/** A distribution set that devices may be given. */
export interface AssignableSet {
  readonly id: number;
  readonly name: string;
  readonly version: string;
  /** Component → SHA-256 of the image that its packages make; empty where nothing of it is known. */
  readonly targets: Readonly<Record<string, string>>;
}

/**
 * A set that may be assigned: complete, neither invalidated nor withdrawn from the catalogue.
 *
 * @throws ServerFailure 404; 400 SET_INVALIDATED, SET_YANKED, SET_INCOMPLETE
 */
export async function assignableSet(
  tx: Transaction<Schema>,
  { tenantId, setId }: { tenantId: number; setId: number },
): Promise<AssignableSet> {
  const set = await tx
    .selectFrom('distribution_set')
    .innerJoin('distribution_set_type', (join) =>
      join
        .onRef('distribution_set_type.key', '=', 'distribution_set.type_key')
        .onRef('distribution_set_type.tenant_id', '=', 'distribution_set.tenant_id'),
    )
    .select([
      'distribution_set.id',
      'distribution_set.name',
      'distribution_set.version',
      'invalidated_at',
      'mandatory_types',
    ])
    .where('distribution_set.id', '=', setId)
    .where('distribution_set.tenant_id', '=', tenantId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (set === undefined) throw notFound(`distribution set ${setId}`);
  const called = `distribution set ${setId} (${set.name} ${set.version})`;
  if (set.invalidated_at !== null) throw refused('SET_INVALIDATED', `${called} was invalidated`);
  const yanked = await tx
    .selectFrom('release')
    .select('yanked_reason')
    .where('set_id', '=', setId)
    .where('tenant_id', '=', tenantId)
    .where('yanked_at', 'is not', null)
    .executeTakeFirst();
  if (yanked !== undefined) {
    const reason = yanked.yanked_reason === null ? '' : `: ${yanked.yanked_reason}`;
    throw refused('SET_YANKED', `${called} was withdrawn from the catalogue${reason}`);
  }
  const modules = await tx
    .selectFrom('distribution_set_module')
    .innerJoin('software_module', 'software_module.id', 'distribution_set_module.module_id')
    .leftJoin('artifact', 'artifact.module_id', 'software_module.id')
    .select(['type_key', 'targets'])
    .where('set_id', '=', setId)
    .execute();
  const present = new Set(modules.map(({ type_key }) => type_key));
  const missing = (JSON.parse(set.mandatory_types) as string[]).find((type) => !present.has(type));
  if (missing !== undefined)
    throw refused('SET_INCOMPLETE', `${called} has no module of type ${missing}, it needs one`);
  const targets = modules.map((module) => JSON.parse(module.targets ?? '{}') as Record<string, string>);
  return { id: set.id, name: set.name, version: set.version, targets: Object.assign({}, ...targets) };
}

function refused(code: string, message: string): ServerFailure {
  return new ServerFailure(400, code, message);
}
