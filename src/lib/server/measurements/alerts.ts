import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import { tellsOfError } from '../../telemetry/error-message.js';
import type { Queryable } from '../database/database.js';

/** Alerts that are looked at, the newest; before the oldest of them nothing counts then. */
const MAX_ALERTS = 20_000;
/** That count of one device, the newest. Attack: one that talks without end makes errors of all others a small share. */
const MAX_OF_DEVICE = 1_000;
/** A device says up to 16 KiB at a time: to read more of them takes longer than polls may wait. */
const ROWS_AT_ONCE = 100;

export interface Alerts {
  /** Since when they are all of them. Milliseconds since 1970. */
  readonly since: number;
  /** What the devices asked for said on their topic `events`. */
  readonly messages: number;
  readonly errors: number;
}

/**
 * What devices said on their topic `events`, and how much of it tells of errors.
 *
 * @param countsSince when messages of a device begin to count; undefined: never
 */
export async function readAlerts(
  db: Queryable,
  { tenantId, since, signal }: { tenantId: number; since: number; signal: AbortSignal },
  countsSince: (device: string) => number | undefined,
): Promise<Alerts> {
  let [messages, errors, read] = [0, 0, 0];
  const heard = new Map<string, number>();
  let behind = { time: Number.MAX_SAFE_INTEGER, seq: Number.MAX_SAFE_INTEGER };
  while (read < MAX_ALERTS) {
    signal.throwIfAborted();
    const { rows } = await sql<{ seq: number; device: string | null; time: number; body: string }>`
      select seq, device, time, body from event
      where tenant_id = ${tenantId} and type = 'alert' and time >= ${since} and (time, seq) < (${behind.time}, ${behind.seq})
      order by time desc, seq desc limit ${ROWS_AT_ONCE}`.execute(db);
    for (const { device, time, body } of rows) {
      if (device === null) continue;
      const [from, before] = [countsSince(device), heard.get(device) ?? 0];
      if (from === undefined || time < from || before === MAX_OF_DEVICE) continue;
      heard.set(device, before + 1);
      messages++;
      if (tellsOfError(JSON.parse(body))) errors++;
    }
    read += rows.length;
    const last = rows.at(-1);
    if (last === undefined || rows.length < ROWS_AT_ONCE) return { since, messages, errors };
    behind = last;
    await setImmediate(); // polls come in between
  }
  return { since: behind.time, messages, errors };
}
