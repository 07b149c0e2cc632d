import type { Rules } from '../../catalog/offer.js';
import { OtaError } from '../../core/errors.js';
import type { JsonObject } from '../../core/strict-json.js';
import { rootAnchor } from '../../package/trust-anchor.js';
import { METADATA_PAYLOAD_TYPE, parseSignatureEnvelope } from '../../trust/dsse.js';
import { type TrustRoot, trustRoot } from '../../trust/root.js';
import { requireRole, satisfiedRoles } from '../../trust/trust-policy.js';
import { readSettings } from '../access/tenant-settings.js';
import { parseStoredRoot } from '../artifacts/trust-root.js';
import type { Queryable } from '../database/database.js';
import { parseProof } from './release-record.js';
import type { StoredRelease } from './stored-release.js';

/**
 * What releases are judged by today: the time, and the tenant's trust root, under which each is verified anew. Without a
 * trust root that is not known.
 */
export async function catalogueRules(
  db: Queryable,
  { tenantId, product, now }: { tenantId: number; product: string; now: number },
  releases: readonly StoredRelease[],
): Promise<Rules> {
  const time = new Date(now);
  const { trustRoot: stored } = await readSettings(db, tenantId);
  if (stored === null) return { now: time };
  const root = parseStoredRoot(stored as JsonObject);
  const keys = trustRoot(root).roleFor(product)?.keys ?? [];
  return {
    now: time,
    trustedKeyids: new Set(keys.map(({ keyid }) => keyid)),
    verifies: new Map(releases.map((release) => [release.digest, isTrusted(release, root, time)])),
  };
}

function isTrusted({ digest, metadata, proof }: StoredRelease, root: TrustRoot, now: Date): boolean {
  const name = metadata.version;
  const { signatureBytes, roots } = parseProof(proof);
  try {
    const trust = rootAnchor(root).forContainer({ name, roots }, { now });
    const envelope = parseSignatureEnvelope(signatureBytes, METADATA_PAYLOAD_TYPE, name);
    const signed = { payloadType: METADATA_PAYLOAD_TYPE, digest: Buffer.from(digest, 'hex'), envelope };
    const verdicts = satisfiedRoles(trust, { ...signed, now, allowTestKeys: false, name });
    requireRole(trust, verdicts, metadata.product, name);
    return true;
  } catch (error) {
    if (error instanceof OtaError && error.exitCode === 3) return false;
    throw error;
  }
}
