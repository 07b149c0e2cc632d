import { readSettings } from '../access/tenant-settings.js';
import type { ServerContext } from '../context.js';
import type { Job } from '../jobs/job.js';
import { cancelActions } from './cancel-action.js';
import { lockActiveActions } from './locked-action.js';
import { moveAction } from './move-action.js';

/** Actions of one transaction. */
const MAX_ACTIONS = 500;

/**
 * Ends actions that nobody works on: a device that began and fell silent (hawkbit#693), and a set that was withdrawn before
 * the device began. A device that has not begun is waited for: it may be switched off.
 */
export const timeoutJob: Job = {
  name: 'silent actions',
  everyMs: 10_000,
  async run(server) {
    const tenants = await server.database.sql.selectFrom('tenant').select('id').orderBy('id').execute();
    for (const { id } of tenants) {
      const timeoutSeconds = (await readSettings(server.database.sql, id))['action.timeoutSeconds'];
      while ((await endSilent(server, id, timeoutSeconds)) > 0);
      while ((await endWithdrawn(server, id)) > 0);
    }
  },
};

/** @returns how many */
async function endSilent(server: ServerContext, tenantId: number, timeoutSeconds: number): Promise<number> {
  const now = server.clock.now().getTime();
  const before = now - timeoutSeconds * 1000;
  const silent = await server.database.sql
    .selectFrom('action')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('is_active', '=', 1)
    .where('device_reported_at', '<', before)
    .where('updated_at', '<', before)
    .limit(MAX_ACTIONS)
    .execute();
  if (silent.length === 0) return 0;
  return server.database.transaction(async (tx) => {
    const actions = await lockActiveActions(tx, { tenantId, actionIds: silent.map(({ id }) => id) });
    const events = [];
    for (const action of actions.filter(
      ({ deviceReportedAt }) => deviceReportedAt !== null && deviceReportedAt < before,
    )) {
      const messages = [
        `The device has told nothing for ${timeoutSeconds} seconds (action.timeoutSeconds); it was last ${action.status}.`,
      ];
      events.push(...((await moveAction(tx, action, { kind: 'time-out' }, { messages, now })) ?? []));
    }
    await server.events.append(tx, events);
    return actions.length;
  });
}

/** @returns how many */
async function endWithdrawn({ database, clock, events }: ServerContext, tenantId: number): Promise<number> {
  const withdrawn = await database.sql
    .selectFrom('action as a')
    .innerJoin('distribution_set as s', 's.id', 'a.set_id')
    .leftJoin('release as r', 'r.set_id', 'a.set_id')
    .select('a.id')
    .distinct()
    .where('a.tenant_id', '=', tenantId)
    .where('a.is_active', '=', 1)
    .where('a.device_reported_at', 'is', null)
    .where((where) => where.or([where('s.invalidated_at', 'is not', null), where('r.yanked_at', 'is not', null)]))
    .limit(MAX_ACTIONS)
    .execute();
  if (withdrawn.length === 0) return 0;
  await database.transaction(async (tx) => {
    const options = { tenantId, actor: 'server', reason: 'The set was withdrawn.', now: clock.now().getTime() };
    const actionIds = withdrawn.map(({ id }) => id);
    await events.append(tx, await cancelActions(tx, { ...options, actionIds, isForced: true }));
  });
  return withdrawn.length;
}
