import { sql } from 'kysely';
import type { ServerContext } from '../context.js';
import type { Job } from '../jobs/job.js';

/** Events that are kept, of all tenants together. */
const KEPT_EVENTS = 1_000_000;
/** Rows of one transaction: others wait no longer than that takes. */
const ROWS_A_STEP = 5_000;

/** Forgets the oldest events; the newest ones always stay, so that a reader can tell what it missed. */
export const eventAgeingJob: Job = {
  name: 'event-ageing',
  everyMs: 60_000,
  run: (server) => ageEvents(server, KEPT_EVENTS),
};

export async function ageEvents({ database }: Pick<ServerContext, 'database'>, kept: number): Promise<void> {
  while (true) {
    const deleted = await sql`
      delete from event where seq in (
        select seq from event where seq <= (select max(seq) from event) - ${kept} order by seq limit ${ROWS_A_STEP})
    `.execute(database.sql);
    if (Number(deleted.numAffectedRows ?? 0) < ROWS_A_STEP) return;
  }
}
