import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely';
import { DEVICE_SORTS, type DeviceSort } from '../../../wire/devices.js';
import type { DeviceRow } from '../../devices/device-page.js';
import { badRequest } from '../../http/server-failure.js';

/** An order of devices in which each has a place of its own, so that a page can begin behind one. */
export interface DeviceOrder {
  readonly sort: readonly { readonly column: RawBuilder<unknown>; readonly isDescending: boolean }[];
  /** What tells the next request where to go on behind a device. */
  cursorBehind(device: DeviceRow): string;
  /** @throws ServerFailure 400: it is none of this order */
  behind(cursor: string): Expression<SqlBool>;
}

type Place = readonly [order: string, value: string | number, id: string];
const MAX_CURSOR_LENGTH = 2048;

/** What has no value comes first, as the least value of all. */
const COLUMNS: Readonly<
  Record<DeviceSort, { of: RawBuilder<string | number>; value(row: DeviceRow): string | number }>
> = {
  id: { of: sql.ref('device.controller_id'), value: (row) => row.controller_id },
  name: { of: sql.ref('device.name'), value: (row) => row.name },
  group: { of: sql`coalesce(device.group_name, '')`, value: (row) => row.group_name ?? '' },
  updateStatus: { of: sql.ref('device.update_status'), value: (row) => row.update_status },
  lastSeenAt: { of: sql`coalesce(device.last_seen_at, -1)`, value: (row) => row.last_seen_at ?? -1 },
  createdAt: { of: sql.ref('device.created_at'), value: (row) => row.created_at },
};
const ID = COLUMNS.id.of;

/**
 * Pages begin behind a place in the order, not after a number of devices: others may come and go in between, and none is
 * skipped or repeated for that. (A device whose own place in the order changes in between, such as `lastSeenAt`, may be.)
 *
 * @param text `id`, `-lastSeenAt`
 */
export function deviceOrder(text: string): DeviceOrder {
  const isDescending = text.startsWith('-');
  const name = text.slice(isDescending ? 1 : 0);
  const sort = DEVICE_SORTS.find((one) => one === name);
  if (sort === undefined) throw badRequest(`devices can be sorted by ${DEVICE_SORTS.join(', ')} alone`);
  const { of, value } = COLUMNS[sort];
  return {
    sort: [
      { column: of, isDescending },
      { column: ID, isDescending: false },
    ],
    cursorBehind: (row) => {
      const place: Place = [text, value(row), row.controller_id];
      return Buffer.from(JSON.stringify(place)).toString('base64url');
    },
    behind(cursor) {
      const place = placeOf(cursor);
      if (place === undefined || place[0] !== text || typeof place[1] !== (hasNumbers(sort) ? 'number' : 'string')) {
        throw badRequest('the cursor is none of this list; begin again without one');
      }
      const [, last, lastId] = place;
      if (sort === 'id') return isDescending ? sql`${ID} < ${lastId}` : sql`${ID} > ${lastId}`;
      return sql`(${of} ${isDescending ? sql`<` : sql`>`} ${last} or (${of} = ${last} and ${ID} > ${lastId}))`;
    },
  };
}

function hasNumbers(sort: DeviceSort): boolean {
  return sort === 'lastSeenAt' || sort === 'createdAt';
}

/** Cursors come back from outside. */
function placeOf(cursor: string): Place | undefined {
  if (cursor.length > MAX_CURSOR_LENGTH) return undefined;
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    const isPlace = Array.isArray(place) && place.length === 3 && typeof place[2] === 'string';
    return isPlace ? (place as unknown as Place) : undefined;
  } catch {
    return undefined;
  }
}
