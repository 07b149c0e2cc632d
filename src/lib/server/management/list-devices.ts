import { DEVICE_FIELDS } from '../../query/device-fields.js';
import type { ServerContext } from '../context.js';
import type { Condition } from '../database/column-conditions.js';
import { type DeviceSortColumn, devicePage } from '../devices/device-page.js';
import { fiqlCondition } from '../devices/fiql-condition.js';
import { badRequest } from '../http/server-failure.js';
import { linksOf } from './links.js';
import { type ListQuery, type PagedList, pagedList } from './list-query.js';
import { parseSort } from './sort-order.js';
import { targetBody } from './target-body.js';

const SORT_COLUMNS: Readonly<Record<string, DeviceSortColumn>> = {
  controllerId: 'controller_id',
  name: 'name',
  description: 'description',
  address: 'address',
  group: 'group_name',
  updateStatus: 'update_status',
  lastTargetQuery: 'last_seen_at',
  createdAt: 'created_at',
  createdBy: 'created_by',
  lastModifiedAt: 'updated_at',
  lastModifiedBy: 'updated_by',
};

interface ListCall {
  readonly server: ServerContext;
  readonly tenant: { readonly id: number };
  readonly query: ListQuery;
  readonly now: number;
  readonly request: Parameters<typeof linksOf>[0];
}

/** The page of targets that a call asks for, among the devices for which `where` holds. */
export async function listDevices(
  { server, tenant, query: { q, sort, offset, limit }, now, request }: ListCall,
  where: readonly Condition[] = [],
): Promise<PagedList<object>> {
  const settings = await server.tenantSettings.of(tenant.id);
  const keys = parseSort(sort, DEVICE_FIELDS).map(({ field, isDescending }) => {
    const column = SORT_COLUMNS[field];
    if (column === undefined) throw badRequest(`devices cannot be sorted by ${field}`);
    return { column, isDescending };
  });
  const { devices, total } = await devicePage(server.database.sql, {
    tenantId: tenant.id,
    where: q === undefined ? where : [...where, fiqlCondition(q, { tenantId: tenant.id, settings, now })],
    sort: keys.length === 0 ? [{ column: 'controller_id', isDescending: false }] : keys,
    offset,
    limit,
  });
  const link = linksOf(request);
  return pagedList(
    devices.map((device) => targetBody(device, { link, settings, now })),
    total,
  );
}
