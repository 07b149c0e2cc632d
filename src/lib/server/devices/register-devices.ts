import type { Selectable, Transaction } from 'kysely';
import type { RegisterOutcome } from '../../wire/devices.js';
import { tokenHash } from '../access/token.js';
import { chunksOf } from '../database/chunks.js';
import type { Schema } from '../database/schema.js';
import type { NewEvent } from '../events/event-log.js';
import { createDevices, type NewDevice } from './create-devices.js';
import { ensureTags } from './ensure-tags.js';

/** A device as an import has it. Members that are absent leave a known device as it is there. */
export interface RegisteredDevice extends Omit<NewDevice, 'description' | 'address' | 'group'> {
  /** Null: it shall have none. */
  readonly description?: string | null | undefined;
  readonly address?: string | null | undefined;
  readonly group?: string | null | undefined;
}

export interface RegisterOptions {
  readonly tenantId: number;
  readonly registeredBy: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What becomes of a device that is known: it is changed, or it is a conflict. */
  readonly known: 'update' | 'conflict';
}

export interface RegisteredDevices {
  /** In the order asked for. A device that stands there a second time is a conflict then. */
  readonly devices: readonly {
    readonly controllerId: string;
    readonly outcome: RegisterOutcome;
    /** Generated: to be shown now or never. */
    readonly token?: string;
  }[];
  /** For `EventLog.append`, which has to be the last statement of the transaction. */
  readonly events: readonly NewEvent[];
}

/**
 * Makes devices, and changes those that are known if that is wanted: what is given replaces what was there; of attributes
 * and metadata each key by itself.
 */
export async function registerDevices(
  tx: Transaction<Schema>,
  devices: readonly RegisteredDevice[],
  options: RegisterOptions,
): Promise<RegisteredDevices> {
  const { tenantId, now, known, registeredBy } = options;
  const first = new Map<string, RegisteredDevice>();
  for (const device of devices) if (!first.has(device.controllerId)) first.set(device.controllerId, device);
  const { created, existing, events } = await createDevices(tx, [...first.values()].map(asNew), {
    tenantId,
    now,
    createdBy: registeredBy,
    existing: 'keep',
  });
  const tokens = new Map(created.map(({ controllerId, securityToken }) => [controllerId, securityToken]));
  const changed = known === 'update' ? existing : [];
  await updateDevices(
    tx,
    changed.map((controllerId) => first.get(controllerId)!),
    options,
  );
  const outcomes = new Map<string, RegisterOutcome>([
    ...created.map(({ controllerId }) => [controllerId, 'created'] as const),
    ...changed.map((controllerId) => [controllerId, 'updated'] as const),
  ]);
  return {
    devices: devices.map((device) => {
      const { controllerId } = device;
      const outcome = (first.get(controllerId) === device && outcomes.get(controllerId)) || 'conflict';
      const token = outcome === 'created' && device.securityToken === undefined ? tokens.get(controllerId) : undefined;
      return { controllerId, outcome, ...(token !== undefined && { token }) };
    }),
    events: [
      ...events,
      ...changed.map(
        (device): NewEvent => ({ tenantId, type: 'status', device, time: now, body: { event: 'updated' } }),
      ),
    ],
  };
}

function asNew({ description, address, group, ...rest }: RegisteredDevice): NewDevice {
  return { ...rest, description: description ?? undefined, address: address ?? undefined, group: group ?? undefined };
}

type Row = Selectable<Schema['device']>;

/** A few statements for thousands of devices: rows are merged here, and written over those that are there. */
async function updateDevices(
  tx: Transaction<Schema>,
  devices: readonly RegisteredDevice[],
  options: RegisterOptions,
): Promise<void> {
  const rows = await lockRows(tx, devices, options.tenantId);
  for (const chunk of chunksOf(devices, 24)) {
    await tx
      .insertInto('device')
      .values(chunk.map((device) => mergedRow(rows.get(device.controllerId)!, device, options)))
      .onConflict((taken) =>
        taken.columns(['tenant_id', 'controller_id']).doUpdateSet(({ ref }) => ({
          name: ref('excluded.name'),
          description: ref('excluded.description'),
          address: ref('excluded.address'),
          group_name: ref('excluded.group_name'),
          token_hash: ref('excluded.token_hash'),
          updated_at: ref('excluded.updated_at'),
          updated_by: ref('excluded.updated_by'),
        })),
      )
      .execute();
  }
  for (const [table, member] of [
    ['device_attribute', 'attributes'],
    ['device_metadata', 'metadata'],
  ] as const) {
    const texts = devices.flatMap((device) =>
      Object.entries(device[member] ?? {}).map(([name, value]) => ({
        device_id: rows.get(device.controllerId)!.id,
        tenant_id: options.tenantId,
        name,
        value,
      })),
    );
    for (const chunk of chunksOf(texts, 4)) {
      await tx
        .insertInto(table)
        .values(chunk)
        .onConflict((taken) =>
          taken.columns(['device_id', 'name']).doUpdateSet(({ ref }) => ({ value: ref('excluded.value') })),
        )
        .execute();
    }
  }
  await replaceTags(tx, devices, rows, options);
}

/** So that nothing another process changes meanwhile is written over. */
async function lockRows(
  tx: Transaction<Schema>,
  devices: readonly RegisteredDevice[],
  tenantId: number,
): Promise<Map<string, Row>> {
  const rows = new Map<string, Row>();
  const isShared = tx.getExecutor().adapter.supportsMultipleConnections;
  // In one order: two imports of the same devices must not wait for each other.
  const names = devices.map(({ controllerId }) => controllerId).sort();
  for (const chunk of chunksOf(names, 1)) {
    const query = tx
      .selectFrom('device')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .where('controller_id', 'in', chunk)
      .orderBy('controller_id');
    for (const row of await (isShared ? query.forUpdate() : query).execute()) rows.set(row.controller_id, row);
  }
  return rows;
}

function mergedRow({ id: _, ...row }: Row, device: RegisteredDevice, { now, registeredBy }: RegisterOptions) {
  const { name, description, address, group, securityToken } = device;
  return {
    ...row,
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(address !== undefined && { address }),
    ...(group !== undefined && { group_name: group }),
    ...(securityToken !== undefined && { token_hash: securityToken === null ? null : tokenHash(securityToken) }),
    updated_at: now,
    updated_by: registeredBy,
  };
}

async function replaceTags(
  tx: Transaction<Schema>,
  devices: readonly RegisteredDevice[],
  rows: ReadonlyMap<string, Row>,
  { tenantId, now, registeredBy }: RegisterOptions,
): Promise<void> {
  const tagged = devices.filter(({ tags }) => tags !== undefined);
  const names = tagged.flatMap(({ tags }) => tags!);
  const tagIds = await ensureTags(tx, names, { tenantId, now, createdBy: registeredBy });
  const ids = tagged.map(({ controllerId }) => rows.get(controllerId)!.id);
  for (const chunk of chunksOf(ids, 1)) await tx.deleteFrom('device_tag').where('device_id', 'in', chunk).execute();
  const all = tagged.flatMap(({ controllerId, tags }) =>
    [...new Set(tags)].map((tag) => ({
      device_id: rows.get(controllerId)!.id,
      tag_id: tagIds.get(tag)!,
      tenant_id: tenantId,
    })),
  );
  for (const chunk of chunksOf(all, 3)) await tx.insertInto('device_tag').values(chunk).execute();
}
