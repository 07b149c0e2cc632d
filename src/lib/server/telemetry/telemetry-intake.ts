import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql } from 'kysely';
import type { TelemetryAnswer } from '../../wire/telemetry.js';
import type { Tenant } from '../access/principal.js';
import type { ServerContext } from '../context.js';
import { createDevices } from '../devices/create-devices.js';
import { ServerFailure } from '../http/server-failure.js';
import type { TelemetryLines } from './decode-telemetry.js';
import type { RefusedDevices, TelemetryLog } from './telemetry-log.js';

/** Bodies that are read or wait to be written, of all requests together. Bytes. */
const MAX_OPEN_BYTES = 64 * 1024 * 1024;
/** Names that are looked up before other requests have their turn. */
const NAMES_A_TURN = 1_000;

export interface Batch extends TelemetryLines {
  readonly tenant: Tenant;
  /** For the counts. */
  readonly path: 'http' | 'mqtt';
}

type Needs = Pick<ServerContext, 'database' | 'events' | 'lastSeen' | 'log' | 'metrics' | 'tenantSettings'>;

/** Where all telemetry of a server comes in, whichever way it came. */
export class TelemetryIntake implements AsyncDisposable {
  readonly log: TelemetryLog;
  readonly #server: Needs;
  #openBytes = 0;

  constructor(log: TelemetryLog, server: Needs) {
    this.log = log;
    this.#server = server;
  }

  /**
   * Takes room for a body before it is read.
   *
   * @returns what gives the room back
   * @throws ServerFailure 503 when too many are open
   */
  reserve(bytes: number): Disposable {
    if (this.#openBytes > 0 && this.#openBytes + bytes > MAX_OPEN_BYTES) throw busy();
    this.#openBytes += bytes;
    return {
      [Symbol.dispose]: () => {
        this.#openBytes -= bytes;
      },
    };
  }

  /** Of a device or devices that the caller has made sure of. Resolves when what is new is durable. */
  async keep(batch: Batch): Promise<TelemetryAnswer> {
    return this.#counted(batch, await this.log.append(batch.tenant.id, batch));
  }

  /** Of devices that the lines name: they must be known, or the tenant lets them register by what they send. */
  async keepOfKnown(batch: Batch, now: number): Promise<TelemetryAnswer> {
    const answer = await this.log.append(batch.tenant.id, batch, (names) => this.#refused(batch.tenant, names, now));
    return this.#counted(batch, answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.log.close();
  }

  #counted({ path, tenant }: Batch, answer: TelemetryAnswer): TelemetryAnswer {
    const { telemetry } = this.#server.metrics;
    telemetry.inc({ path, verdict: 'accepted' }, answer.accepted);
    telemetry.inc({ path, verdict: 'duplicate' }, answer.duplicates);
    telemetry.inc({ path, verdict: 'conflict' }, answer.conflicts);
    telemetry.inc({ path, verdict: 'refused' }, answer.refused);
    if (answer.conflicts > 0) {
      const { conflicts } = answer;
      this.#server.log.warn('telemetry was not kept: other messages have the same ids', {
        tenant: tenant.name,
        conflicts,
      });
    }
    return answer;
  }

  async #refused(tenant: Tenant, names: readonly string[], now: number): Promise<RefusedDevices> {
    const refused = new Map<string, string>();
    for (let from = 0; from < names.length; from += NAMES_A_TURN) {
      if (from > 0) await nextTurn();
      const part = names.slice(from, from + NAMES_A_TURN);
      const known = await this.#known(tenant.id, part);
      for (const name of part) if (!known.has(name)) refused.set(name, 'no such device');
      for (const id of known.values()) this.#server.lastSeen.saw(id, now);
    }
    if (refused.size === 0) return refused;
    const settings = await this.#server.tenantSettings.of(tenant.id);
    if (!settings['telemetry.newDevices.enabled']) return refused;
    await this.#register(tenant.id, [...refused.keys()], now);
    return new Map();
  }

  async #known(tenantId: number, names: readonly string[]): Promise<Map<string, number>> {
    const { database } = this.#server;
    const json = JSON.stringify(names);
    const list =
      database.kind === 'sqlite' ? sql`json_each(${json})` : sql`json_array_elements_text(${json}::json) value`;
    const { rows } = await sql<{ id: number; controller_id: string }>`
      select id, controller_id from device where tenant_id = ${tenantId} and controller_id in (select value from ${list})
    `.execute(database.sql);
    return new Map(rows.map(({ id, controller_id: name }) => [name, id]));
  }

  async #register(tenantId: number, names: readonly string[], now: number): Promise<void> {
    const { database, events } = this.#server;
    const devices = names.map((controllerId) => ({ controllerId, securityToken: null }));
    await database.transaction(async (tx) => {
      const options = { tenantId, createdBy: 'telemetry', now, existing: 'keep', updateStatus: 'registered' } as const;
      const made = await createDevices(tx, devices, options);
      await events.append(tx, made.events);
    });
  }
}

export function busy(): ServerFailure {
  return new ServerFailure(503, 'BUSY', 'too much telemetry waits to be written', { headers: { 'retry-after': '1' } });
}
