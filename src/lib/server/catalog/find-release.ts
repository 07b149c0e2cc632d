import type { Queryable } from '../database/database.js';
import { conflict, notFound } from '../http/server-failure.js';
import { type StoredRelease, storedReleases } from './stored-release.js';

/**
 * The one release whose digest begins so.
 *
 * @param prefix lowercase hex digits; a whole digest has 64
 * @throws ServerFailure 404; 409 where several begin so
 */
export async function findByDigest(db: Queryable, tenantId: number, prefix: string): Promise<StoredRelease> {
  // "g" follows the last hex digit: the range of digests that begin so.
  const found = await db
    .selectFrom('release')
    .select(['id', 'digest'])
    .where('tenant_id', '=', tenantId)
    .where('digest', '>=', prefix)
    .where('digest', '<', `${prefix}g`)
    .limit(2)
    .execute();
  const [first, other] = found;
  if (first === undefined) throw notFound(`release ${prefix}`);
  if (other !== undefined) {
    throw conflict(`several releases begin with ${prefix}: ${found.map(({ digest }) => digest).join(', ')}`, [
      'Give more digits.',
    ]);
  }
  return findById(db, tenantId, first.id);
}

/** A release that is known to be there. */
export async function findById(db: Queryable, tenantId: number, id: number): Promise<StoredRelease> {
  const [release] = await storedReleases(db, tenantId, (query) => query.where('release.id', '=', id));
  return release!;
}
