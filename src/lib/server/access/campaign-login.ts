import type { Database } from '../database/database.js';
import type { CampaignGrants } from './campaign-grants.js';
import { type Credentials, holderNow } from './operator-login.js';
import type { Permission } from './permissions.js';
import type { OperatorPrincipal } from './principal.js';
import { unauthenticated } from './unauthenticated.js';

/** What a campaign needs; whoever it acts for may have more. */
const CAMPAIGN_PERMISSIONS: readonly Permission[] = [
  ...(['self', 'devices:read', 'devices:write', 'software:read', 'rollouts:read', 'rollouts:write'] as const),
  'telemetry:read',
];

/**
 * Who a campaign of this process is: itself, with what whoever it acts for may now.
 *
 * @throws ServerFailure 401: its step has ended, or whoever it acts for may not be anybody any more
 */
export async function campaignPrincipal(
  { value, now }: Pick<Credentials, 'value' | 'now'>,
  { database, grants }: { database: Database; grants: CampaignGrants },
): Promise<OperatorPrincipal> {
  const grant = grants.grantOf(value);
  const holder = grant && (await holderNow(database, grant.holder, now));
  if (grant === undefined || holder?.tenant.id !== grant.tenantId) throw unauthenticated();
  const { kind, tenant, name, role, permissions } = holder;
  return {
    ...{ kind, tenant, role, name: `campaign:${grant.campaign} (for ${name})` },
    permissions: new Set(CAMPAIGN_PERMISSIONS.filter((permission) => permissions.has(permission))),
  };
}
