import { readSettings } from '../access/tenant-settings.js';
import type { ServerContext } from '../context.js';
import type { Job } from '../jobs/job.js';

/** Devices of one transaction. */
const MAX_DEVICES = 1000;

/** Notices devices that have given no sign of life for as long as their tenant allows. */
export const offlineJob: Job = {
  name: 'offline devices',
  everyMs: 5_000,
  async run(server) {
    await server.lastSeen.flush();
    const tenants = await server.database.sql.selectFrom('tenant').select('id').orderBy('id').execute();
    for (const { id } of tenants) {
      const { offlineAfterSeconds } = await readSettings(server.database.sql, id);
      const now = server.clock.now().getTime();
      while ((await markOffline(server, id, { before: now - offlineAfterSeconds * 1000, now })) === MAX_DEVICES);
    }
  },
};

/** @returns how many */
function markOffline(
  { database, events }: ServerContext,
  tenantId: number,
  { before, now }: { before: number; now: number },
): Promise<number> {
  return database.transaction(async (tx) => {
    const gone = await tx
      .updateTable('device')
      .set({ is_online: 0 })
      .where('id', 'in', (query) =>
        query
          .selectFrom('device')
          .select('id')
          .where('tenant_id', '=', tenantId)
          .where('is_online', '=', 1)
          .where('last_seen_at', '<', before)
          .limit(MAX_DEVICES),
      )
      .returning(['controller_id', 'last_seen_at'])
      .execute();
    await events.append(
      tx,
      gone.map(({ controller_id, last_seen_at }) => ({
        tenantId,
        type: 'status',
        device: controller_id,
        time: now,
        body: { event: 'offline', lastSeenAt: new Date(last_seen_at!).toISOString() },
      })),
    );
    return gone.length;
  });
}
