import type { ReleaseDetail } from '../../wire/catalog.js';
import type { Queryable } from '../database/database.js';
import { catalogueRules } from './catalogue-rules.js';
import { releaseView } from './release-view.js';
import type { StoredRelease } from './stored-release.js';

/** All that is told of a release. */
export async function showRelease(
  db: Queryable,
  release: StoredRelease,
  { tenantId, now }: { tenantId: number; now: number },
): Promise<ReleaseDetail> {
  const { metadata, digest, setId } = release;
  const { verifies } = await catalogueRules(db, { tenantId, product: metadata.product, now }, [release]);
  const countOf = async (column: 'assigned_set_id' | 'installed_set_id') => {
    const { devices } = await db
      .selectFrom('device')
      .select(({ fn }) => fn.countAll<number | string>().as('devices'))
      .where('tenant_id', '=', tenantId)
      .where(column, '=', setId)
      .executeTakeFirstOrThrow();
    return Number(devices);
  };
  return {
    ...releaseView(release),
    releaseNotes: metadata.releaseNotes ?? null,
    payloads: metadata.payloads.map(({ component, format, file, size, target, base, ...needs }) => ({
      ...{ component, format, file, bytes: size, targetVersion: target.version, targetBytes: target.size },
      base: base ? { version: base.version ?? null, sha256: base.sha256 } : null,
      ...{ applyMemoryBytes: needs.applyMemoryBytes, storageBytes: needs.storageBytes },
    })),
    verifies: verifies?.get(digest) ?? false,
    devices: { assigned: await countOf('assigned_set_id'), installed: await countOf('installed_set_id') },
  };
}
