import type { Device, DeviceField, PartialDevice } from '../../../wire/devices.js';
import type { UpdateStatus } from '../../actions/device-software.js';
import type { Queryable } from '../../database/database.js';
import type { DeviceRow } from '../../devices/device-page.js';

/** Rows of devices as they are sent. @param fields those that are wanted; what is asked for costs a query for some */
export async function deviceViews(
  db: Queryable,
  rows: readonly DeviceRow[],
  fields: readonly DeviceField[],
): Promise<PartialDevice[]> {
  const wanted = new Set<DeviceField>(['id', ...fields]);
  const ids = rows.map(({ id }) => id);
  const tags = wanted.has('tags') ? await tagsOf(db, ids) : new Map<number, string[]>();
  const attributes = wanted.has('attributes') ? await textsOf(db, 'device_attribute', ids) : NO_TEXTS;
  const metadata = wanted.has('metadata') ? await textsOf(db, 'device_metadata', ids) : NO_TEXTS;
  const software = wanted.has('assigned') || wanted.has('installed') ? await softwareOf(db, rows) : new Map();
  return rows.map((row) => {
    const view: Device = {
      id: row.controller_id,
      name: row.name,
      description: row.description,
      address: row.address,
      group: row.group_name,
      tags: tags.get(row.id) ?? [],
      attributes: attributes.get(row.id) ?? {},
      metadata: metadata.get(row.id) ?? {},
      online: row.is_online === 1,
      lastSeenAt: timeText(row.last_seen_at),
      updateStatus: row.update_status as UpdateStatus,
      assigned: software.get(row.assigned_set_id) ?? null,
      installed: software.get(row.installed_set_id) ?? null,
      installedAt: timeText(row.installed_at),
      hasToken: row.token_hash !== null,
      wantsAttributes: row.wants_attributes === 1,
      createdAt: timeText(row.created_at),
      createdBy: row.created_by,
      updatedAt: timeText(row.updated_at),
      updatedBy: row.updated_by,
    };
    return Object.fromEntries(
      Object.entries(view).filter(([name]) => wanted.has(name as DeviceField)),
    ) as PartialDevice;
  });
}

/** RFC 3339 of milliseconds since 1970. */
export function timeText<T extends number | null>(time: T): T extends null ? string | null : string {
  return (time === null ? null : new Date(time).toISOString()) as T extends null ? string | null : string;
}

const NO_TEXTS: ReadonlyMap<number, Record<string, string>> = new Map();

async function tagsOf(db: Queryable, deviceIds: readonly number[]): Promise<Map<number, string[]>> {
  const tags = new Map<number, string[]>();
  if (deviceIds.length === 0) return tags;
  const rows = await db
    .selectFrom('device_tag')
    .innerJoin('tag', 'tag.id', 'tag_id')
    .select(['device_id', 'name'])
    .where('device_id', 'in', deviceIds)
    .orderBy('name')
    .execute();
  for (const { device_id, name } of rows) tags.set(device_id, [...(tags.get(device_id) ?? []), name]);
  return tags;
}

async function textsOf(
  db: Queryable,
  table: 'device_attribute' | 'device_metadata',
  deviceIds: readonly number[],
): Promise<Map<number, Record<string, string>>> {
  const texts = new Map<number, Record<string, string>>();
  if (deviceIds.length === 0) return texts;
  const rows = await db
    .selectFrom(table)
    .select(['device_id', 'name', 'value'])
    .where('device_id', 'in', deviceIds)
    .orderBy('name')
    .execute();
  for (const { device_id, name, value } of rows) {
    // A device names its attributes: without a prototype none of them is taken for another thing.
    const known = texts.get(device_id) ?? (Object.create(null) as Record<string, string>);
    known[name] = value;
    texts.set(device_id, known);
  }
  return texts;
}

async function softwareOf(
  db: Queryable,
  rows: readonly DeviceRow[],
): Promise<Map<number | null, { name: string; version: string }>> {
  const setIds = new Set(rows.flatMap((row) => [row.assigned_set_id, row.installed_set_id]));
  setIds.delete(null);
  if (setIds.size === 0) return new Map();
  const sets = await db
    .selectFrom('distribution_set')
    .select(['id', 'name', 'version'])
    .where('id', 'in', [...setIds] as number[])
    .execute();
  return new Map(sets.map(({ id, name, version }) => [id, { name, version }]));
}
