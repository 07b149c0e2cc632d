import { sql } from 'kysely';
import type { ServerContext } from '../context.js';
import type { Job } from '../jobs/job.js';
import { DEFAULT_TELEMETRY_BYTES } from './open-log.js';

/** Rows of one transaction: others wait no longer than that takes. */
const ROWS_A_STEP = 10_000;
/** Newest rows by which the size of all is estimated. */
const SAMPLED_ROWS = 1_000;
/** What the indexes of a row and its place in a page take, about. Bytes. */
const BYTES_BESIDE = 200;

/** Forgets the oldest telemetry on PostgreSQL; embedded, the log does so itself. */
export const telemetryAgeingJob: Job = {
  name: 'telemetry-ageing',
  everyMs: 60_000,
  async run(server) {
    if (server.database.kind === 'sqlite') return;
    await ageTelemetry(server, server.settings.maxTelemetryBytes ?? DEFAULT_TELEMETRY_BYTES);
  },
};

/**
 * The files of a table do not shrink when rows go, their room is used again: so what rows take is estimated from the
 * newest ones.
 */
async function ageTelemetry({ database }: Pick<ServerContext, 'database'>, maxBytes: number): Promise<void> {
  const { rows } = await sql<{ bytes: number | null; last: number | null }>`
    select avg(pg_column_size(t.*))::float8 as bytes, max(seq) as last
    from (select * from telemetry order by seq desc limit ${SAMPLED_ROWS}) t`.execute(database.sql);
  const { bytes, last } = rows[0]!;
  if (bytes === null || last === null) return;
  const kept = Math.floor(maxBytes / (bytes + BYTES_BESIDE));
  while (true) {
    const deleted = await sql`
      delete from telemetry where seq in (
        select seq from telemetry where seq <= ${last - kept} order by seq limit ${ROWS_A_STEP})`.execute(database.sql);
    if (Number(deleted.numAffectedRows ?? 0) < ROWS_A_STEP) return;
  }
}
