import type { Transaction } from 'kysely';
import type { Schema } from '../database/schema.js';

/** Module and set types that every hawkBit has, so that its clients find what they ask for. */
const MODULE_TYPES = [
  { key: 'os', name: 'OS', max_assignments: 1 },
  { key: 'application', name: 'Application', max_assignments: 2 ** 31 - 1 },
];
const SET_TYPES = [
  { key: 'os', name: 'OS only', mandatory: ['os'], optional: [] },
  { key: 'app', name: 'Application(s) only', mandatory: ['application'], optional: [] },
  { key: 'os_app', name: 'OS with application(s)', mandatory: ['os'], optional: ['application'] },
];

/** @returns its identifier */
export async function createTenant(tx: Transaction<Schema>, name: string, now: number): Promise<number> {
  const { id } = await tx
    .insertInto('tenant')
    .values({ name, created_at: now })
    .returning('id')
    .executeTakeFirstOrThrow();
  await tx
    .insertInto('software_module_type')
    .values(MODULE_TYPES.map((type) => ({ tenant_id: id, ...type })))
    .execute();
  await tx
    .insertInto('distribution_set_type')
    .values(
      SET_TYPES.map(({ key, name: typeName, mandatory, optional }) => ({
        tenant_id: id,
        key,
        name: typeName,
        mandatory_types: JSON.stringify(mandatory),
        optional_types: JSON.stringify(optional),
      })),
    )
    .execute();
  return id;
}
