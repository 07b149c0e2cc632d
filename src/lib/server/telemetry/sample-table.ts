import { sql } from 'kysely';
import type { PostgresDatabase } from '../database/postgres.js';
import { MAX_SAMPLED_BYTES, SampleTally } from './sample-tally.js';
import type { LogSample, SampleRequest } from './telemetry-log.js';

/** `TelemetryLog.sample` of the table `telemetry`. */
export async function sampleTable(
  { sql: db }: PostgresDatabase,
  { tenantId, devices, path, perDevice }: SampleRequest,
): Promise<LogSample> {
  const asked = sql`json_to_recordset(${JSON.stringify(devices)}::json) as asked(name text, after bigint)`;
  const { rows: counts } = await sql<{ device: string; total: number }>`
    select device, count(*) as total from ${asked}
    join telemetry on tenant_id = ${tenantId} and device = asked.name and seq > asked.after
    group by device`.execute(db);
  const { rows: found } = await sql<{ device: string; line: string }>`
    select asked.name as device, newest.line from ${asked} cross join lateral (
      select line from telemetry
      where tenant_id = ${tenantId} and device = asked.name and seq > asked.after
        and octet_length(line) <= ${MAX_SAMPLED_BYTES}
      order by time desc limit ${perDevice}) newest`.execute(db);
  const lines = Map.groupBy(found, ({ device }) => device);
  const tally = new SampleTally(path);
  for (const { device, total } of counts) {
    tally.add(
      total,
      (lines.get(device) ?? []).map(({ line }) => line),
    );
  }
  return tally.result();
}
