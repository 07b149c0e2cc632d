import { sql, type Transaction } from 'kysely';
import { chunksOf } from '../database/chunks.js';
import type { Database } from '../database/database.js';
import type { Schema } from '../database/schema.js';

/** What watchers of a fleet are told; telemetry has a log of its own. */
export const EVENT_TYPES = ['status', 'rollout', 'alert'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

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

/** Any number that no other advisory lock of the server has. */
const APPEND_LOCK = 0x6f746101;

/** The log of what happened, in the order it became known. */
export interface EventLog {
  /**
   * Appends within the transaction that makes it happen, as its last statement: from here on to its end, appenders
   * of other processes wait, so that a reader never meets a number below one it has already seen.
   */
  append(tx: Transaction<Schema>, events: readonly NewEvent[]): Promise<void>;
  /** Calls back soon after events were appended, by whichever process. Returns what ends it. */
  onAppended(listener: () => void): () => void;
}

export function openEventLog(database: Database): EventLog {
  const listeners = new Set<() => void>();
  return {
    async append(tx, events) {
      if (events.length === 0) return;
      if (database.kind === 'postgres') await sql`select pg_advisory_xact_lock(${APPEND_LOCK})`.execute(tx);
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
      for (const listener of listeners) listener();
    },
    onAppended(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
