import type { Transaction } from 'kysely';
import { audit } from '../audit/audit.js';
import type { Schema } from '../database/schema.js';
import type { StoredRelease } from './stored-release.js';

/** A change of the catalogue, and who makes it. */
export interface CatalogueChange {
  readonly tenantId: number;
  readonly actor: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** @returns false: it was in it already */
export async function enterChannel(
  tx: Transaction<Schema>,
  { id, digest, metadata: { product, version } }: Pick<StoredRelease, 'id' | 'digest' | 'metadata'>,
  channel: string,
  { tenantId, actor, now }: CatalogueChange,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows = 0n } = await tx
    .insertInto('release_channel')
    .values({ tenant_id: tenantId, release_id: id, channel, entered_at: now })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows === 0n) return false;
  const detail = { product, version, channel };
  await audit(tx, { tenantId, actor, action: 'release.entered-channel', object: `release:${digest}`, detail, now });
  return true;
}

/** @returns false: it was not in it */
export async function leaveChannel(
  tx: Transaction<Schema>,
  { id, digest, metadata: { product, version } }: StoredRelease,
  channel: string,
  { tenantId, actor, now }: CatalogueChange,
): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('release_channel')
    .where('tenant_id', '=', tenantId)
    .where('release_id', '=', id)
    .where('channel', '=', channel)
    .executeTakeFirst();
  if (numDeletedRows === 0n) return false;
  const detail = { product, version, channel };
  await audit(tx, { tenantId, actor, action: 'release.left-channel', object: `release:${digest}`, detail, now });
  return true;
}

/** Lets nobody else change the catalogue of a tenant until the transaction ends. SQLite has one writer anyway. */
export async function lockCatalogue(tx: Transaction<Schema>, tenantId: number): Promise<void> {
  if (!tx.getExecutor().adapter.supportsMultipleConnections) return;
  await tx.selectFrom('tenant').select('id').where('id', '=', tenantId).forNoKeyUpdate().execute();
}
