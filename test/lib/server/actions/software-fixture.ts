import type { Transaction } from 'kysely';
import { versionOrderKey } from '../../../../src/lib/query/version-order.js';
import { tokenHash } from '../../../../src/lib/server/access/token.js';
import type { ServerContext } from '../../../../src/lib/server/context.js';
import type { Schema } from '../../../../src/lib/server/database/schema.js';

/** Devices and distribution sets in the first tenant, made as rows. */
export interface Fleet {
  readonly tenantId: number;
  /** @returns identifiers, in order */
  devices(...controllerIds: string[]): Promise<number[]>;
  /** A complete set with one module and no artifact. */
  set(version: string): Promise<{ setId: number; moduleId: number }>;
  transaction<T>(work: (tx: Transaction<Schema>) => Promise<T>): Promise<T>;
}

export async function testFleet({ database, clock }: ServerContext): Promise<Fleet> {
  const now = () => clock.now().getTime();
  const { id: tenantId } = await database.sql
    .selectFrom('tenant')
    .select('id')
    .where('name', '=', 'DEFAULT')
    .executeTakeFirstOrThrow();
  const made = () => ({ created_at: now(), created_by: 'test' });
  return {
    tenantId,
    transaction: (work) => database.transaction(work),
    async devices(...controllerIds) {
      const { sql } = database;
      const rows = controllerIds.map((controllerId) => ({
        ...{ tenant_id: tenantId, controller_id: controllerId, name: controllerId, update_status: 'unknown' },
        ...{ token_hash: tokenHash(tokenOf(controllerId)), updated_at: now(), updated_by: 'test', ...made() },
        ...({ is_online: 0, wants_attributes: 1, is_auto_confirmed: 0 } as const),
      }));
      const ids: number[] = [];
      for (let from = 0; from < rows.length; from += 500) {
        const some = rows.slice(from, from + 500);
        ids.push(...(await sql.insertInto('device').values(some).returning('id').execute()).map(({ id }) => id));
      }
      return ids;
    },
    set: (version) =>
      database.transaction(async (tx) => {
        const { id: moduleId } = await tx
          .insertInto('software_module')
          .values({ tenant_id: tenantId, type_key: 'os', name: 'firmware', version, ...made() })
          .returning('id')
          .executeTakeFirstOrThrow();
        const { id: setId } = await tx
          .insertInto('distribution_set')
          .values({
            tenant_id: tenantId,
            type_key: 'os',
            name: 'firmware',
            version,
            version_order: versionOrderKey(version) ?? '',
            is_migration_required: 0,
            ...made(),
          })
          .returning('id')
          .executeTakeFirstOrThrow();
        await tx
          .insertInto('distribution_set_module')
          .values({ set_id: setId, module_id: moduleId, tenant_id: tenantId })
          .execute();
        return { setId, moduleId };
      }),
  };
}

/** What a test's device logs in with. */
export function tokenOf(controllerId: string): string {
  return `token-of-${controllerId}`;
}
