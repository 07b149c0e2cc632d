import { type Expression, type SqlBool, sql } from 'kysely';
import type { TenantSettings } from '../access/tenant-settings.js';
import { fiqlCondition } from '../devices/fiql-condition.js';

/** What a rollout that retries another one has for a filter: the devices that failed there. As hawkBit writes it. */
export function failedDevicesQuery(rolloutId: number): string {
  return `failedrollout==${rolloutId}`;
}

/**
 * The devices that a rollout, or one of its groups, is for.
 *
 * @throws OtaError USAGE, LIMIT_EXCEEDED: the query cannot be understood
 */
export function rolloutCondition(
  query: string,
  { tenantId, settings, now }: { tenantId: number; settings: TenantSettings; now: number },
): Expression<SqlBool> {
  const [, failed] = /^failedrollout==(\d{1,15})$/i.exec(query) ?? [];
  if (failed === undefined) return fiqlCondition(query, { tenantId, settings, now });
  return sql<boolean>`device.id in (select device_id from action
    where tenant_id = ${tenantId} and rollout_id = ${Number(failed)} and status = 'error')`;
}
