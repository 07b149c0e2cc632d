import { sql, type Transaction } from 'kysely';
import type { EventType as StreamedType } from '../../wire/events.js';
import { ADVISORY_LOCK } from '../database/advisory-locks.js';
import { chunksOf } from '../database/chunks.js';
import type { Database } from '../database/database.js';
import type { PostgresDatabase } from '../database/postgres.js';
import type { Schema } from '../database/schema.js';

/** What watchers of a fleet are told; telemetry has a log of its own. */
export type EventType = Exclude<StreamedType, 'telemetry'>;

export interface NewEvent {
  readonly tenantId: number;
  readonly type: EventType;
  /** Name of the device it is about. */
  readonly device?: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** What happened: for `status` at least `{"event":"online"|"offline"|"registered"|"updated"|"action", …}`. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** The log of what happened, in the order it became known. */
export interface EventLog {
  /**
   * Appends within the transaction that makes it happen, as its last statement: from here on to its end, appenders
   * of other processes wait, so that a reader never meets a number below one it has already seen.
   */
  append(tx: Transaction<Schema>, events: readonly NewEvent[]): Promise<void>;
  /** Calls back soon after events were appended, by whichever process. Returns what ends it. */
  onAppended(listener: () => void): () => void;
  /** Reads on behind a sequence number, oldest first. */
  read(request: EventRead): Promise<EventsRead>;
  /** Of the newest event; 0 when there was none yet. */
  lastSeq(): Promise<number>;
  /** Sequence number behind which everything lies that happened since a time. */
  seqBefore(tenantId: number, time: number): Promise<number>;
}

export interface EventRead {
  readonly tenantId: number;
  /** Sequence number. */
  readonly after: number;
  readonly types: readonly EventType[];
  readonly device?: string | undefined;
  readonly limit: number;
}

export interface StoredEvent {
  readonly seq: number;
  readonly type: EventType;
  readonly device: string | null;
  readonly time: number;
  /** JSON object. */
  readonly body: string;
}

export interface EventsRead {
  readonly events: readonly StoredEvent[];
  /** It was read up to here: from here it goes on. */
  readonly position: number;
  /** These are no longer kept; `position` is the last one of them then. */
  readonly gap?: { readonly from: number; readonly to: number; readonly cause: 'aged' };
}

export function openEventLog(database: Database): EventLog {
  const listeners = new Set<() => void>();
  return {
    async append(tx, events) {
      if (events.length === 0) return;
      if (database.kind === 'postgres') await sql`select pg_advisory_xact_lock(${ADVISORY_LOCK.events})`.execute(tx);
      for (const chunk of chunksOf(events, 5)) {
        await tx
          .insertInto('event')
          .values(
            chunk.map(({ tenantId, type, device, time, body }) => ({
              tenant_id: tenantId,
              type,
              device: device ?? null,
              time,
              body: JSON.stringify(body),
            })),
          )
          .execute();
      }
      // Others read when it is committed: the only connection is free then, or the database tells them.
      if (database.kind === 'postgres') await sql`select pg_notify('fleet_events', '')`.execute(tx);
      else for (const listener of listeners) listener();
    },
    onAppended(listener) {
      if (database.kind === 'postgres') return (database as PostgresDatabase).listen('fleet_events', listener);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async read({ tenantId, after, types, device, limit }) {
      const { first, last } = await extent(database);
      if (after >= last) return { events: [], position: after };
      if (after + 1 < first)
        return { events: [], position: first - 1, gap: { from: after + 1, to: first - 1, cause: 'aged' } };
      const ofDevice = device === undefined ? sql`` : sql`and device = ${device}`;
      const { rows } = await sql<StoredEvent>`
        select seq, type, device, time, body from event
        where tenant_id = ${tenantId} and seq > ${after} and seq <= ${last} and type in (${sql.join(types)}) ${ofDevice}
        order by seq limit ${limit}`.execute(database.sql);
      return { events: rows, position: rows.length < limit ? last : rows.at(-1)!.seq };
    },
    lastSeq: async () => (await extent(database)).last,
    async seqBefore(tenantId, time) {
      const { rows } = await sql<{ seq: number | null }>`
        select min(seq) as seq from event where tenant_id = ${tenantId} and time >= ${time}`.execute(database.sql);
      return rows[0]?.seq == null ? (await extent(database)).last : rows[0].seq - 1;
    },
  };
}

async function extent(database: Database): Promise<{ first: number; last: number }> {
  const { rows } = await sql<{ first: number | null; last: number | null }>`
    select (select min(seq) from event) as first, (select max(seq) from event) as last`.execute(database.sql);
  return { first: rows[0]?.first ?? 1, last: rows[0]?.last ?? 0 };
}
