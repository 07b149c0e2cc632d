import type { Expression, SqlBool } from 'kysely';
import * as z from 'zod/mini';
import { DEVICE_FIELD_NAMES, type DeviceField, type DevicePage, MAX_DEVICES_PAGE } from '../../../wire/devices.js';
import type { Tenant } from '../../access/principal.js';
import type { ServerContext } from '../../context.js';
import { devicePage } from '../../devices/device-page.js';
import { fiqlCondition } from '../../devices/fiql-condition.js';
import { badRequest } from '../../http/server-failure.js';
import { deviceOrder } from './device-order.js';
import { deviceViews } from './device-view.js';

const DEFAULT_LIMIT = 100;

/** What of a query chooses devices. */
export const filterQuery = { where: z.optional(z.string()) };

export const listQuery = z.strictObject({
  ...filterQuery,
  sort: z.optional(z.string()),
  limit: z.optional(z.coerce.number().check(z.int(), z.minimum(0), z.maximum(MAX_DEVICES_PAGE))),
  cursor: z.optional(z.string()),
  /** With commas between. */
  fields: z.optional(z.string()),
});

interface Asked {
  readonly server: ServerContext;
  readonly tenant: Tenant;
  readonly now: number;
}

/** A page of the devices that a filter chooses. */
export async function listDevices(asked: Asked, query: z.output<typeof listQuery>): Promise<DevicePage> {
  const { limit = DEFAULT_LIMIT, cursor } = query;
  const db = asked.server.database.sql;
  const fields = query.fields === undefined ? DEVICE_FIELD_NAMES : query.fields.split(',').map(fieldOf);
  const order = deviceOrder(query.sort ?? 'id');
  const { devices, total } = await devicePage(db, {
    tenantId: asked.tenant.id,
    where: await conditionsOf(asked, query.where),
    sort: order.sort,
    from: cursor === undefined ? undefined : order.behind(cursor),
    // One more than asked for tells whether there is a next page.
    limit: limit === 0 ? 0 : limit + 1,
  });
  const shown = devices.slice(0, limit);
  return {
    items: await deviceViews(db, shown, fields),
    total,
    next: devices.length > limit ? order.cursorBehind(shown.at(-1)!) : null,
  };
}

/** A filter of a query as conditions on `device`; none without one. @throws OtaError USAGE, LIMIT_EXCEEDED */
export async function conditionsOf(
  { server, tenant, now }: Asked,
  where: string | undefined,
): Promise<Expression<SqlBool>[]> {
  if (where === undefined) return [];
  const settings = await server.tenantSettings.of(tenant.id);
  return [fiqlCondition(where, { tenantId: tenant.id, settings, now })];
}

function fieldOf(name: string): DeviceField {
  const field = DEVICE_FIELD_NAMES.find((known) => known === name);
  if (field === undefined) throw badRequest(`devices have the fields ${DEVICE_FIELD_NAMES.join(', ')} alone`);
  return field;
}
