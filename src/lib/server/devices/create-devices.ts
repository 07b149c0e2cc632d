import { randomBytes } from 'node:crypto';
import type { Transaction } from 'kysely';
import { escapeText } from '../../core/text.js';
import { tokenHash } from '../access/token.js';
import { chunksOf } from '../database/chunks.js';
import type { Schema } from '../database/schema.js';
import type { NewEvent } from '../events/event-log.js';
import { conflict } from '../http/server-failure.js';
import { ensureTags } from './ensure-tags.js';

/** A device that shall be known. Its texts have been checked by the schemas of wire/. */
export interface NewDevice {
  readonly controllerId: string;
  /** Absent: the controllerId. */
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly address?: string | undefined;
  readonly group?: string | undefined;
  /** Absent: one is generated. Null: none, so that only a gateway or a certificate speaks for it. */
  readonly securityToken?: string | null | undefined;
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Names; tags that do not exist yet are made. */
  readonly tags?: readonly string[] | undefined;
}

export interface CreateDevicesOptions {
  readonly tenantId: number;
  /** Name of an operator, or `gateway`. */
  readonly createdBy: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What becomes of a device whose controllerId is taken: nothing is made at all (409), or it is left as it is. */
  readonly existing: 'refuse' | 'keep';
  /** `registered` for a device that came by itself. */
  readonly updateStatus?: 'unknown' | 'registered';
}

export interface CreatedDevice {
  readonly id: number;
  readonly controllerId: string;
  /** To be shown now or never: only its hash is kept. Undefined: it has none. */
  readonly securityToken: string | undefined;
}

export interface CreatedDevices {
  /** In the order asked for. */
  readonly created: readonly CreatedDevice[];
  /** controllerIds that were known before, or stood there twice; in the order asked for. */
  readonly existing: readonly string[];
  /** For `EventLog.append`, which has to be the last statement of the transaction. */
  readonly events: readonly NewEvent[];
}

/**
 * Makes devices.
 *
 * @throws ServerFailure 409 with `existing: 'refuse'`, when one is known or named twice; the transaction must end with it
 */
export async function createDevices(
  tx: Transaction<Schema>,
  devices: readonly NewDevice[],
  options: CreateDevicesOptions,
): Promise<CreatedDevices> {
  const { tenantId, now } = options;
  const wanted = new Map<string, NewDevice>();
  const taken: string[] = [];
  for (const device of devices) {
    if (wanted.has(device.controllerId)) taken.push(device.controllerId);
    else wanted.set(device.controllerId, device);
  }
  const tokens = new Map<string, string | undefined>();
  for (const { controllerId, securityToken } of wanted.values()) {
    tokens.set(controllerId, securityToken === null ? undefined : (securityToken ?? newDeviceToken()));
  }
  // In one order: two imports of the same devices, in two processes, must not wait for each other.
  const ordered = [...wanted.values()].sort((a, b) => (a.controllerId < b.controllerId ? -1 : 1));
  const ids = await insertDevices(tx, ordered, tokens, options);
  taken.push(...[...wanted.keys()].filter((controllerId) => !ids.has(controllerId)));
  if (options.existing === 'refuse' && taken.length > 0) {
    throw conflict(`there is a device "${escapeText(taken[0]!)}" already`, ['Change it with PUT instead.']);
  }
  const made = [...wanted.values()].filter(({ controllerId }) => ids.has(controllerId));
  await insertTexts(tx, 'device_attribute', textsOf(made, ids, tenantId, 'attributes'));
  await insertTexts(tx, 'device_metadata', textsOf(made, ids, tenantId, 'metadata'));
  await tagDevices(tx, made, ids, options);
  return {
    created: made.map(({ controllerId }) => ({
      id: ids.get(controllerId)!,
      controllerId,
      securityToken: tokens.get(controllerId),
    })),
    existing: taken,
    events: made.map(({ controllerId }) => ({
      tenantId,
      type: 'status',
      device: controllerId,
      time: now,
      body: { event: 'registered' },
    })),
  };
}

/** 256 random bits. Hexadecimal: it may follow an option of a device's agent, where a leading `-` would be another. */
export function newDeviceToken(): string {
  return randomBytes(32).toString('hex');
}

/** @returns the identifiers of those that were not known */
async function insertDevices(
  tx: Transaction<Schema>,
  devices: readonly NewDevice[],
  tokens: ReadonlyMap<string, string | undefined>,
  { tenantId, now, createdBy, updateStatus = 'unknown' }: CreateDevicesOptions,
): Promise<Map<string, number>> {
  const ids = new Map<string, number>();
  for (const chunk of chunksOf(devices, 15)) {
    const rows = await tx
      .insertInto('device')
      .values(
        chunk.map(({ controllerId, name, description, address, group }) => {
          const token = tokens.get(controllerId);
          return {
            tenant_id: tenantId,
            controller_id: controllerId,
            name: name ?? controllerId,
            description: description ?? null,
            address: address ?? null,
            group_name: group ?? null,
            token_hash: token === undefined ? null : tokenHash(token),
            created_at: now,
            created_by: createdBy,
            updated_at: now,
            updated_by: createdBy,
            update_status: updateStatus,
            is_online: 0,
            wants_attributes: 1,
            is_auto_confirmed: 0,
          } as const;
        }),
      )
      .onConflict((taken) => taken.columns(['tenant_id', 'controller_id']).doNothing())
      .returning(['id', 'controller_id'])
      .execute();
    for (const { id, controller_id } of rows) ids.set(controller_id, id);
  }
  return ids;
}

interface DeviceText {
  device_id: number;
  tenant_id: number;
  name: string;
  value: string;
}

function textsOf(
  devices: readonly NewDevice[],
  ids: ReadonlyMap<string, number>,
  tenantId: number,
  member: 'attributes' | 'metadata',
): DeviceText[] {
  return devices.flatMap((device) =>
    Object.entries(device[member] ?? {}).map(([name, value]) => ({
      device_id: ids.get(device.controllerId)!,
      tenant_id: tenantId,
      name,
      value,
    })),
  );
}

async function insertTexts(
  tx: Transaction<Schema>,
  table: 'device_attribute' | 'device_metadata',
  texts: readonly DeviceText[],
): Promise<void> {
  for (const chunk of chunksOf(texts, 4)) await tx.insertInto(table).values(chunk).execute();
}

async function tagDevices(
  tx: Transaction<Schema>,
  devices: readonly NewDevice[],
  ids: ReadonlyMap<string, number>,
  options: CreateDevicesOptions,
): Promise<void> {
  const tagIds = await ensureTags(
    tx,
    devices.flatMap(({ tags = [] }) => tags),
    options,
  );
  const tagged = devices.flatMap(({ controllerId, tags = [] }) =>
    [...new Set(tags)].map((tag) => ({
      device_id: ids.get(controllerId)!,
      tag_id: tagIds.get(tag)!,
      tenant_id: options.tenantId,
    })),
  );
  for (const chunk of chunksOf(tagged, 3)) await tx.insertInto('device_tag').values(chunk).execute();
}
