import { type Expression, type RawBuilder, type Selectable, type SqlBool, sql } from 'kysely';
import { bindFilter, type FilterTimes } from '../../query/bind-filter.js';
import { DEVICE_FIELDS } from '../../query/device-fields.js';
import type { Filter } from '../../query/filter.js';
import type { Queryable } from '../database/database.js';
import { deviceFilterSql } from '../database/filter-sql.js';
import type { Schema } from '../database/schema.js';

export type DeviceRow = Selectable<Schema['device']>;
/** Columns by which devices can be put in order. */
export type DeviceSortColumn = keyof DeviceRow & string;

export interface DevicePageOptions {
  readonly tenantId: number;
  readonly where: readonly Expression<SqlBool>[];
  readonly sort: readonly { readonly column: DeviceSortColumn | RawBuilder<unknown>; readonly isDescending: boolean }[];
  /** Devices left out at the beginning of the order … */
  readonly offset?: number;
  /** … or where in the order the page begins. It does not count for `total`. */
  readonly from?: Expression<SqlBool> | undefined;
  readonly limit: number;
}

export interface DevicePage {
  readonly devices: readonly DeviceRow[];
  /** Of all pages. */
  readonly total: number;
}

/** A filter as people and clients wrote it becomes a condition. @throws OtaError USAGE: no such field or value */
export function deviceCondition(filter: Filter, tenantId: number, times: FilterTimes): Expression<SqlBool> {
  return deviceFilterSql(bindFilter(filter, DEVICE_FIELDS, times), tenantId);
}

/** Up to so many devices are found once and then fetched by their identifiers; above, a page is soon full. */
const FEW = 500;

/**
 * A page of the devices for which all conditions hold, and how many those are.
 *
 * Conditions may take a scan, so they are judged once for the number and for the page: a filter that chooses few devices
 * is not judged again, and one that chooses many is followed along the order only until the page is full.
 */
export async function devicePage(
  db: Queryable,
  { tenantId, where, sort, offset = 0, from, limit }: DevicePageOptions,
): Promise<DevicePage> {
  const matching = where.reduce(
    (query, condition) => query.where(condition),
    db.selectFrom('device').where('tenant_id', '=', tenantId),
  );
  const found = await db
    .with(
      (cte) => cte('found').materialized(),
      () => matching.select('id'),
    )
    .selectFrom('found')
    .select((eb) => ['id', eb.selectFrom('found').select(sql<number>`count(*)`.as('n')).as('total')])
    .limit(FEW + 1)
    .execute();
  const total = found[0]?.total ?? 0;
  if (offset >= total || limit === 0) return { devices: [], total };
  const ids = found.map(({ id }) => id);
  const chosen = total <= FEW ? db.selectFrom('device').where('id', 'in', ids) : matching;
  const begun = from === undefined ? chosen : chosen.where(from);
  const ordered = sort.reduce(
    (query, { column, isDescending }) => query.orderBy(column, isDescending ? 'desc' : 'asc'),
    begun.selectAll(),
  );
  const devices = await ordered.orderBy('id').limit(limit).offset(offset).execute();
  return { devices, total };
}
