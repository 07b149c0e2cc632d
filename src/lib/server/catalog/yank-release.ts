import type { Transaction } from 'kysely';
import { cancelActions } from '../actions/cancel-action.js';
import { audit } from '../audit/audit.js';
import type { ServerContext } from '../context.js';
import type { Schema } from '../database/schema.js';
import { conflict } from '../http/server-failure.js';
import type { CatalogueChange } from './channel-entry.js';
import type { StoredRelease } from './stored-release.js';

/**
 * Withdraws a release: its distribution set can be assigned to nobody any more, and updates to it under way are
 * cancelled. Devices that have it keep it.
 *
 * @returns how many updates were cancelled
 * @throws ServerFailure 409: it is withdrawn already
 */
export async function yankRelease(
  server: Pick<ServerContext, 'database' | 'events'>,
  release: StoredRelease,
  { tenantId, actor, now, reason }: CatalogueChange & { reason: string },
): Promise<number> {
  const { id, setId, digest, metadata } = release;
  return await server.database.transaction(async (tx) => {
    const { numUpdatedRows } = await tx
      .updateTable('release')
      .set({ yanked_at: now, yanked_reason: reason })
      .where('id', '=', id)
      .where('yanked_at', 'is', null)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) {
      throw conflict(`${metadata.product} ${metadata.version} is withdrawn already: ${release.yanked?.reason ?? ''}`);
    }
    await tx
      .updateTable('distribution_set')
      .set({ invalidated_at: now })
      .where('id', '=', setId)
      .where('invalidated_at', 'is', null)
      .execute();
    const actionIds = await underWay(tx, tenantId, setId);
    const events = await cancelActions(tx, { tenantId, actor, now, actionIds, isForced: false });
    const detail = { product: metadata.product, version: metadata.version, reason, cancelled: actionIds.length };
    await audit(tx, { tenantId, actor, action: 'release.yanked', object: `release:${digest}`, detail, now });
    await server.events.append(tx, events);
    return actionIds.length;
  });
}

/**
 * Offers a withdrawn release again. What was cancelled stays cancelled.
 *
 * @throws ServerFailure 409: it is not withdrawn
 */
export async function restoreRelease(
  { database }: Pick<ServerContext, 'database'>,
  { id, setId, digest, metadata: { product, version }, yanked }: StoredRelease,
  { tenantId, actor, now }: CatalogueChange,
): Promise<void> {
  await database.transaction(async (tx) => {
    const { numUpdatedRows } = await tx
      .updateTable('release')
      .set({ yanked_at: null, yanked_reason: null })
      .where('id', '=', id)
      .where('yanked_at', 'is not', null)
      .executeTakeFirst();
    if (numUpdatedRows === 0n || yanked === undefined) throw conflict(`${product} ${version} is not withdrawn`);
    // A set that somebody had invalidated for a reason of their own stays so.
    await tx
      .updateTable('distribution_set')
      .set({ invalidated_at: null })
      .where('id', '=', setId)
      .where('invalidated_at', '=', yanked.atMs)
      .execute();
    const detail = { product, version, reason: yanked.reason };
    await audit(tx, { tenantId, actor, action: 'release.restored', object: `release:${digest}`, detail, now });
  });
}

async function underWay(tx: Transaction<Schema>, tenantId: number, setId: number): Promise<number[]> {
  const rows = await tx
    .selectFrom('action')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('set_id', '=', setId)
    .where('is_active', '=', 1)
    .where('status', '!=', 'canceling')
    .execute();
  return rows.map(({ id }) => id);
}
