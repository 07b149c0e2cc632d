import { sql, type Transaction } from 'kysely';
import type { ServerContext } from '../context.js';
import type { Database } from '../database/database.js';
import type { Schema } from '../database/schema.js';

/** How often what was seen is written, milliseconds. */
const FLUSH_EVERY_MS = 1000;
/** Devices of one transaction: others wait for the database no longer than that takes. */
const MAX_DEVICES = 2000;

/** When devices were last seen: thousands of polls a second must not be as many writes. */
export interface LastSeen extends AsyncDisposable {
  /** Remembers a sign of life; it is in the database within a second, or lost with the process. */
  saw(deviceId: number, now: number): void;
  /** The same of a device that asked what there is to do. */
  polled(deviceId: number, now: number): void;
  /** Writes what has not been written yet. */
  flush(): Promise<void>;
}

interface Sight {
  readonly id: number;
  seen: number;
  polled: number | null;
}

/** @param isTimed without it, it is written by `flush` alone */
export function openLastSeen(
  { database, events, log }: Pick<ServerContext, 'database' | 'events' | 'log'>,
  { isTimed }: { isTimed: boolean },
): LastSeen {
  let sights = new Map<number, Sight>();
  let writing: Promise<void> = Promise.resolve();
  const write = async () => {
    const all = [...sights.values()];
    sights = new Map();
    for (let from = 0; from < all.length; from += MAX_DEVICES) {
      const part = all.slice(from, from + MAX_DEVICES);
      await database.transaction(async (tx) => events.append(tx, await record(tx, database.kind, part)));
    }
  };
  const flush = () => {
    writing = writing.then(write).catch((error: Error) => {
      // What was seen is seen again soon; a database that fails is told by what needs it.
      log.warn('when devices were last seen could not be written', { error: error.message });
    });
    return writing;
  };
  const timer = isTimed ? setInterval(() => void flush(), FLUSH_EVERY_MS) : undefined;
  const sight = (id: number, now: number): Sight => {
    const known = sights.get(id);
    if (known !== undefined) {
      known.seen = Math.max(known.seen, now);
      return known;
    }
    const made: Sight = { id, seen: now, polled: null };
    sights.set(id, made);
    return made;
  };
  return {
    saw: (deviceId, now) => void sight(deviceId, now),
    polled: (deviceId, now) => {
      sight(deviceId, now).polled = now;
    },
    flush,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await flush();
    },
  };
}

/** @returns those that came online by it, as events */
async function record(tx: Transaction<Schema>, kind: Database['kind'], sights: readonly Sight[]) {
  const json = JSON.stringify(sights);
  const seen =
    kind === 'sqlite'
      ? sql`(select value ->> 'id' as id, value ->> 'seen' as seen, value ->> 'polled' as polled from json_each(${json}))`
      : sql`json_to_recordset(${json}::json)`;
  const alias = kind === 'sqlite' ? sql`as s` : sql`as s(id bigint, seen bigint, polled bigint)`;
  const appeared = await sql<{ tenant_id: number; controller_id: string; seen: number }>`
    select d.tenant_id, d.controller_id, s.seen from ${seen} ${alias} join device d on d.id = s.id
    where d.is_online = 0 order by d.id`.execute(tx);
  await sql`
    update device set is_online = 1,
      last_seen_at = case when last_seen_at > s.seen then last_seen_at else s.seen end,
      last_poll_at = coalesce(s.polled, last_poll_at),
      update_status = case when update_status = 'unknown' and s.polled is not null then 'registered' else update_status end
    from ${seen} ${alias} where device.id = s.id`.execute(tx);
  return appeared.rows.map(({ tenant_id, controller_id, seen: time }) => ({
    tenantId: tenant_id,
    type: 'status' as const,
    device: controller_id,
    time,
    body: { event: 'online' },
  }));
}
