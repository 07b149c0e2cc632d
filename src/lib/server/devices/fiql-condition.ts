import type { Expression, SqlBool } from 'kysely';
import { parseFiql } from '../../query/parse-fiql.js';
import { parseDdiSleep } from '../../wire/ddi.js';
import type { TenantSettings } from '../access/tenant-settings.js';
import { deviceCondition } from './device-page.js';

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
  const overdueAfterMs = parseDdiSleep(settings.pollingTime)! + parseDdiSleep(settings.pollingOverdueTime)!;
  return deviceCondition(parseFiql(fiql), tenantId, { nowMs: now, overdueMs: now - overdueAfterMs });
}
