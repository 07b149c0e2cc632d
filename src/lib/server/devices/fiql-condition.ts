import type { Expression, SqlBool } from 'kysely';
import { parseFiql } from '../../query/parse-fiql.js';
import { parseDdiSleep } from '../../wire/ddi.js';
import type { TenantSettings } from '../access/tenant-settings.js';
import { deviceCondition } from './device-page.js';

/** Milliseconds after its last poll at which a device should poll again, and from which it is overdue. */
export function pollTimes({ pollingTime, pollingOverdueTime }: TenantSettings): { pollMs: number; overdueMs: number } {
  const pollMs = parseDdiSleep(pollingTime)!;
  return { pollMs, overdueMs: pollMs + parseDdiSleep(pollingOverdueTime)! };
}

/**
 * A filter as it stands in a URL, as a condition on `device`.
 *
 * @param now milliseconds since 1970
 * @throws OtaError USAGE, LIMIT_EXCEEDED
 */
export function fiqlCondition(
  fiql: string,
  { tenantId, settings, now }: { tenantId: number; settings: TenantSettings; now: number },
): Expression<SqlBool> {
  return deviceCondition(parseFiql(fiql), tenantId, { nowMs: now, overdueMs: now - pollTimes(settings).overdueMs });
}
