import type { Transaction } from 'kysely';
import type { DeviceChange } from '../../wire/devices.js';
import { tokenHash } from '../access/token.js';
import { chunksOf } from '../database/chunks.js';
import type { Schema } from '../database/schema.js';
import type { NewEvent } from '../events/event-log.js';
import { ensureTags } from './ensure-tags.js';

export interface ChosenDevice {
  readonly id: number;
  readonly controllerId: string;
}

export interface ChangeOptions {
  readonly tenantId: number;
  readonly changedBy: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Changes what operators say about devices. @returns events for `EventLog.append` */
export async function changeDevices(
  tx: Transaction<Schema>,
  devices: readonly ChosenDevice[],
  change: DeviceChange,
  options: ChangeOptions,
): Promise<NewEvent[]> {
  const { tenantId, changedBy, now } = options;
  const { name, description, address, group, token, wantsAttributes } = change;
  const { tags = {}, metadata = {} } = change;
  const tagIds = await ensureTags(tx, tags.add ?? [], { tenantId, now, createdBy: changedBy });
  for (const chunk of chunksOf(devices, 4)) {
    const ids = chunk.map(({ id }) => id);
    await tx
      .updateTable('device')
      .set({
        ...(name !== undefined && { name }),
        ...(description !== undefined && { description }),
        ...(address !== undefined && { address }),
        ...(group !== undefined && { group_name: group }),
        ...(token !== undefined && { token_hash: token === null ? null : tokenHash(token) }),
        ...(wantsAttributes !== undefined && { wants_attributes: wantsAttributes ? 1 : 0 }),
        updated_at: now,
        updated_by: changedBy,
      })
      .where('id', 'in', ids)
      .execute();
    for (const tagId of tagIds.values()) {
      await tx
        .insertInto('device_tag')
        .values(ids.map((id) => ({ device_id: id, tag_id: tagId, tenant_id: tenantId })))
        .onConflict((taken) => taken.columns(['device_id', 'tag_id']).doNothing())
        .execute();
    }
    if (tags.remove !== undefined && tags.remove.length > 0) await removeTags(tx, ids, tags.remove, tenantId);
    await changeMetadata(tx, ids, metadata, tenantId);
  }
  return devices.map(({ controllerId }) => ({
    tenantId,
    type: 'status',
    device: controllerId,
    time: now,
    body: { event: 'updated' },
  }));
}

async function removeTags(
  tx: Transaction<Schema>,
  deviceIds: readonly number[],
  names: readonly string[],
  tenantId: number,
): Promise<void> {
  await tx
    .deleteFrom('device_tag')
    .where('device_id', 'in', deviceIds)
    .where('tag_id', 'in', (query) =>
      query.selectFrom('tag').select('id').where('tenant_id', '=', tenantId).where('name', 'in', names),
    )
    .execute();
}

async function changeMetadata(
  tx: Transaction<Schema>,
  deviceIds: readonly number[],
  metadata: Readonly<Record<string, string | null>>,
  tenantId: number,
): Promise<void> {
  for (const [name, value] of Object.entries(metadata)) {
    if (value === null) {
      await tx.deleteFrom('device_metadata').where('device_id', 'in', deviceIds).where('name', '=', name).execute();
      continue;
    }
    await tx
      .insertInto('device_metadata')
      .values(deviceIds.map((id) => ({ device_id: id, tenant_id: tenantId, name, value })))
      .onConflict((taken) => taken.columns(['device_id', 'name']).doUpdateSet({ value }))
      .execute();
  }
}
