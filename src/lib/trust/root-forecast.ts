import { productOf, ROOT_ROLE } from './role-name.js';
import type { TrustRoot } from './root.js';
import type { TrustRole } from './trust-policy.js';

/** Something that will stop by itself, and what it takes down with it. */
export interface ExpiryForecast {
  readonly what: 'root' | 'key' | 'role';
  /** Key id, or role name; absent for the root. */
  readonly id?: string;
  readonly expiresAt: Date;
  /** Whole days from now, negative when past. */
  readonly daysLeft: number;
  readonly consequence: string;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * What expires, in order of time, and which devices can no longer be updated from then on.
 *
 * A role stops when fewer keys than its threshold are left; a root takes everything with it,
 * unless packages carry the root that follows.
 */
export function forecastExpiry(root: TrustRoot, now: Date): ExpiryForecast[] {
  const rootExpiresAt = new Date(root.signed.expiresAt);
  const forecast: Omit<ExpiryForecast, 'daysLeft'>[] = [
    {
      what: 'root',
      expiresAt: rootExpiresAt,
      consequence: `devices that hold version ${root.signed.version} refuse every package that does not carry its successor`,
    },
  ];
  for (const key of root.keys.values()) {
    if (!key.expiresAt) continue;
    forecast.push({
      what: 'key',
      id: key.keyid,
      expiresAt: key.expiresAt,
      consequence: 'its signatures stop counting',
    });
  }
  for (const role of root.roles.values()) {
    const at = role.name === ROOT_ROLE ? undefined : roleEnd(role);
    if (!at) continue;
    const consequence = `no package of ${productOf(role.name)} is accepted: fewer than the ${role.threshold} valid keys it needs are left`;
    forecast.push({ what: 'role', id: role.name, expiresAt: at, consequence });
  }
  return forecast
    .map((entry) => ({ ...entry, daysLeft: Math.floor((entry.expiresAt.getTime() - now.getTime()) / DAY_MS) }))
    .sort((a, b) => a.expiresAt.getTime() - b.expiresAt.getTime());
}

/** The instant at which the role has fewer valid keys than its threshold, if that ever comes. */
function roleEnd({ keys, threshold }: TrustRole): Date | undefined {
  const ends = keys.flatMap(({ expiresAt }) => expiresAt ?? []).sort((a, b) => a.getTime() - b.getTime());
  return ends[keys.length - threshold];
}
