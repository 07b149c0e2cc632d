import type { Transaction } from 'kysely';
import * as z from 'zod/mini';
import type { BulkResult } from '../../../wire/devices.js';
import type { OperatorPrincipal } from '../../access/principal.js';
import type { ServerContext } from '../../context.js';
import type { Schema } from '../../database/schema.js';
import type { ChosenDevice } from '../../devices/change-devices.js';
import type { NewEvent } from '../../events/event-log.js';
import { conflict } from '../../http/server-failure.js';
import { conditionsOf } from './list-devices.js';
import { flagQuery } from './query-flag.js';

/** A change of all devices that a filter chooses. Somebody has seen how many: for another number it does not happen. */
export const bulkQuery = z.strictObject({
  where: z.string(),
  expect: z.coerce.number().check(z.int(), z.minimum(0)),
  dryRun: flagQuery,
});

interface Asked {
  readonly server: ServerContext;
  readonly principal: OperatorPrincipal;
  readonly now: number;
  readonly query: z.output<typeof bulkQuery>;
}

/**
 * Lets something happen to the devices that a filter chooses.
 *
 * @param happen returns the events of it
 * @throws ServerFailure 409: they are not as many as expected, and nothing has happened
 */
export async function changeMany(
  { server, principal, now, query }: Asked,
  happen: (tx: Transaction<Schema>, devices: readonly ChosenDevice[]) => Promise<NewEvent[]>,
): Promise<BulkResult> {
  const { tenant } = principal;
  const conditions = await conditionsOf({ server, tenant, now }, query.where);
  return server.database.transaction(async (tx) => {
    const chosen = conditions.reduce(
      (devices, condition) => devices.where(condition),
      tx.selectFrom('device').select(['id', 'controller_id as controllerId']).where('tenant_id', '=', tenant.id),
    );
    const ordered = chosen.orderBy('id');
    const isShared = tx.getExecutor().adapter.supportsMultipleConnections;
    const devices = await (isShared ? ordered.forUpdate() : ordered).execute();
    if (query.dryRun) return { isDryRun: true, devices: devices.length };
    if (devices.length !== query.expect) {
      throw conflict(`the filter chooses ${devices.length} devices, ${query.expect} were expected`, [
        'Look at them again with the same filter.',
      ]);
    }
    if (devices.length > 0) await server.events.append(tx, await happen(tx, devices));
    return { isDryRun: false, devices: devices.length };
  });
}
