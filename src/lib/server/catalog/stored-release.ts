import type { SelectQueryBuilder } from 'kysely';
import type { Release } from '../../catalog/release.js';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { parseRecord } from './release-record.js';

/** A release with what the server keeps beside it. */
export interface StoredRelease extends Release {
  readonly id: number;
  readonly setId: number;
  readonly setName: string;
  readonly setVersion: string;
  readonly filename: string;
  /** Milliseconds since 1970. */
  readonly publishedAt: number;
  readonly publishedBy: string;
  /** See `parseProof`. */
  readonly proof: string;
}

/**
 * Releases of a tenant, the newest of each product first.
 *
 * @param narrow adds conditions on the table `release`, and nothing else
 */
export async function storedReleases(
  db: Queryable,
  tenantId: number,
  narrow: (query: ReleaseQuery) => ReleaseQuery,
): Promise<StoredRelease[]> {
  const rows = await narrow(db.selectFrom('release').where('release.tenant_id', '=', tenantId))
    .innerJoin('distribution_set', 'distribution_set.id', 'release.set_id')
    .innerJoin('artifact', 'artifact.id', 'release.artifact_id')
    .select([
      ...(['release.id', 'release.set_id', 'release.record', 'release.proof', 'yanked_at', 'yanked_reason'] as const),
      ...(['release.created_at', 'release.created_by', 'artifact.filename'] as const),
      ...(['distribution_set.name as set_name', 'distribution_set.version as set_version'] as const),
    ])
    .orderBy('product')
    .orderBy('sequence', 'desc')
    .orderBy('release.id', 'desc')
    .execute();
  const channels = await narrow(db.selectFrom('release').where('release.tenant_id', '=', tenantId))
    .innerJoin('release_channel', 'release_channel.release_id', 'release.id')
    .select(['release_id', 'channel', 'entered_at'])
    .orderBy('entered_at')
    .orderBy('channel')
    .execute();
  const entries = Map.groupBy(channels, ({ release_id }) => release_id);
  return rows.map((row) => ({
    ...parseRecord(row.record),
    ...{ id: row.id, setId: row.set_id, setName: row.set_name, setVersion: row.set_version, filename: row.filename },
    ...{ publishedAt: row.created_at, publishedBy: row.created_by, proof: row.proof },
    channels: (entries.get(row.id) ?? []).map(({ channel, entered_at }) => ({
      name: channel,
      enteredAtMs: entered_at,
    })),
    ...(row.yanked_at !== null && { yanked: { reason: row.yanked_reason ?? '', atMs: row.yanked_at } }),
  }));
}

type ReleaseQuery = SelectQueryBuilder<Schema, 'release', object>;

/** All that a tenant has published of a product. */
export function releasesOf(db: Queryable, tenantId: number, product: string): Promise<StoredRelease[]> {
  return storedReleases(db, tenantId, (query) => query.where('release.product', '=', product));
}
