import { DEVICE_FIELDS } from '../../query/device-fields.js';
import type { ServerContext } from '../context.js';
import type { Condition } from '../database/column-conditions.js';
import { type DevicePage, type DeviceSortColumn, devicePage } from '../devices/device-page.js';
import { fiqlCondition } from '../devices/fiql-condition.js';
import { badRequest } from '../http/server-failure.js';
import type { ListQuery } from './list-query.js';
import { parseSort } from './sort-order.js';

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

/** A page of devices as a list's query asks for it, among those for which `where` holds. */
export async function listDevices(
  { server, tenant, now }: { server: ServerContext; tenant: { readonly id: number }; now: number },
  { q, sort, offset, limit }: ListQuery,
  where: readonly Condition[] = [],
): Promise<DevicePage> {
  const settings = await server.tenantSettings.of(tenant.id);
  const keys = parseSort(sort, DEVICE_FIELDS).map(({ field, isDescending }) => {
    const column = SORT_COLUMNS[field];
    if (column === undefined) throw badRequest(`devices cannot be sorted by ${field}`);
    return { column, isDescending };
  });
  return devicePage(server.database.sql, {
    tenantId: tenant.id,
    where: q === undefined ? where : [...where, fiqlCondition(q, { tenantId: tenant.id, settings, now })],
    sort: keys.length === 0 ? [{ column: 'controller_id', isDescending: false }] : keys,
    offset,
    limit,
  });
}
