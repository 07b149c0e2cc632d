import type { Transaction } from 'kysely';
import * as z from 'zod/mini';
import { deviceId } from '../../../wire/device-id.js';
import type { ServerContext } from '../../context.js';
import type { Schema } from '../../database/schema.js';
import type { ChosenDevice } from '../../devices/change-devices.js';
import type { NewEvent } from '../../events/event-log.js';
import { notFound } from '../../http/server-failure.js';

export const deviceParams = z.object({ controllerId: deviceId });

/**
 * Lets something happen to one device.
 *
 * @param happen returns the events of it
 * @throws ServerFailure 404: the tenant has none of this name
 */
export async function withDevice(
  { database, events }: ServerContext,
  { tenantId, controllerId }: { tenantId: number; controllerId: string },
  happen: (tx: Transaction<Schema>, device: ChosenDevice) => Promise<NewEvent[]>,
): Promise<void> {
  await database.transaction(async (tx) => {
    const query = tx
      .selectFrom('device')
      .select('id')
      .where('tenant_id', '=', tenantId)
      .where('controller_id', '=', controllerId);
    const isShared = tx.getExecutor().adapter.supportsMultipleConnections;
    const row = await (isShared ? query.forUpdate() : query).executeTakeFirst();
    if (row === undefined) throw notFound('device of this name');
    await events.append(tx, await happen(tx, { id: row.id, controllerId }));
  });
}
