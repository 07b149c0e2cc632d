import type { RandomAccess } from '../../core/random-access.js';
import type { JsonObject } from '../../core/strict-json.js';
import type { AuthenticPackage } from '../../package/authenticate.js';
import { authenticatePackage } from '../../package/authenticate.js';
import { type Container, openContainer } from '../../package/container.js';
import { rootAnchor } from '../../package/trust-anchor.js';
import { requirePolicy, verifyPayloads } from '../../package/verify.js';
import { ServerFailure } from '../http/server-failure.js';
import { parseStoredRoot } from './trust-root.js';

export interface VerifiedPackage {
  readonly container: Container;
  readonly pkg: AuthenticPackage;
}

/** Whether bytes claim to be a package, whatever their file is called: a tar whose first entry is `metadata.json`. */
export function looksLikePackage(start: Uint8Array): boolean {
  return (
    Buffer.from(start.buffer, start.byteOffset, Math.min(start.byteLength, 14)).toString('latin1') === 'metadata.json\0'
  );
}

/**
 * Checks an uploaded package as a device would, and every byte of it.
 *
 * @param trustRoot the tenant's; null: it has none
 * @throws ServerFailure 422 without a trust root; OtaError as `openContainer`, `authenticatePackage`, `verifyPayloads`,
 *   PACKAGE_EXPIRED
 */
export async function verifyPackage(
  data: RandomAccess,
  { trustRoot, now, signal }: { trustRoot: JsonObject | null; now: Date; signal?: AbortSignal },
): Promise<VerifiedPackage> {
  if (trustRoot === null) {
    throw new ServerFailure(
      422,
      'KEY_MISSING',
      `${data.name}: this tenant has no trust root, so no package can be verified`,
      {
        suggestions: ['Set it with `fleet catalog trust root.json`, or PUT /api/v1/trust-root.'],
      },
    );
  }
  const container = await openContainer(data);
  const trust = rootAnchor(parseStoredRoot(trustRoot)).forContainer(container, { now });
  const pkg = authenticatePackage(container, { trust, now });
  requirePolicy(pkg, { now });
  await verifyPayloads(pkg.payloads, signal ? { signal } : {});
  return { container, pkg };
}
