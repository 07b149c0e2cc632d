import type { Holder } from '../access/campaign-grants.js';
import { holderNow } from '../access/operator-login.js';
import type { Database } from '../database/database.js';

/**
 * Whether whoever a campaign acts for may still have it go on.
 *
 * @param by their name, as it was when they said so
 * @returns why not, one sentence; undefined: they may
 */
export async function lostAuthority(
  database: Database,
  { tenantId, holder, by }: { readonly tenantId: number; readonly holder: Holder; readonly by: string },
  now: number,
): Promise<string | undefined> {
  const known = await holderNow(database, holder, now);
  if (known === undefined || known.tenant.id !== tenantId) {
    if ('tokenId' in holder) return `the API token of ${by} was revoked, has expired, or lost whoever made it`;
    return `${by}, for whom it acts, was disabled or deleted`;
  }
  if (known.permissions.has('rollouts:write')) return undefined;
  return `the role ${known.role} of ${by}, for whom it acts, does not allow rollouts:write`;
}
