import type { Transaction } from 'kysely';
import { factsTold } from '../../package/device-attributes.js';
import type { Schema } from '../database/schema.js';

/**
 * Remembers the images that a device tells of while it runs a release: a release that brought only some of them is left
 * for the others again on the way back. Only releases of the catalogue are remembered, so that a device cannot fill the
 * database with digests of its own.
 */
export async function recordDeviceRelease(
  tx: Transaction<Schema>,
  { tenantId, deviceId, now }: { tenantId: number; deviceId: number; now: number },
  attributes: ReadonlyMap<string, string>,
): Promise<void> {
  const { digest, components } = factsTold(attributes);
  const told = Object.entries(components).map(([name, { sha256 }]) => [name, sha256] as const);
  if (digest === undefined || told.length === 0) return;
  const release = await tx
    .selectFrom('release')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('digest', '=', digest)
    .executeTakeFirst();
  if (release === undefined) return;
  const images = JSON.stringify(Object.fromEntries(told.sort(([a], [b]) => (a < b ? -1 : 1))));
  await tx
    .insertInto('device_release')
    .values({ device_id: deviceId, tenant_id: tenantId, digest, images, first_seen_at: now })
    .onConflict((conflict) => conflict.columns(['device_id', 'digest']).doUpdateSet({ images }))
    .execute();
}
