import { type SqlBool, sql } from 'kysely';
import { bindFilter } from '../../query/bind-filter.js';
import { DEVICE_FIELDS } from '../../query/device-fields.js';
import { parseFiql } from '../../query/parse-fiql.js';
import type { ServerContext } from '../context.js';
import { deviceFilterSql } from '../database/filter-sql.js';

/** A device that changes is looked at again after so long, milliseconds. */
const REMEMBERED_MS = 5_000;

/** Which devices a filter chooses, asked for the names that come up. */
export class DeviceMatch {
  readonly #server: Pick<ServerContext, 'database' | 'clock'>;
  readonly #tenantId: number;
  readonly #filter: ReturnType<typeof parseFiql>;
  #known = new Map<string, boolean>();
  #since = Number.NaN;

  /** @throws OtaError USAGE, LIMIT_EXCEEDED: the filter is none */
  constructor(server: Pick<ServerContext, 'database' | 'clock'>, tenantId: number, text: string) {
    this.#server = server;
    this.#tenantId = tenantId;
    this.#filter = parseFiql(text);
    this.#condition(0);
  }

  /** Those of the items that are about a device which matches. */
  async choose<Item extends { readonly device: string | null }>(items: readonly Item[]): Promise<Item[]> {
    const now = this.#server.clock.now().getTime();
    if (!(now >= this.#since && now - this.#since < REMEMBERED_MS)) {
      this.#known = new Map();
      this.#since = now;
    }
    const known = this.#known;
    const unknown = [...new Set(items.map(({ device }) => device))].filter((name) => name !== null && !known.has(name));
    if (unknown.length > 0) {
      const { database } = this.#server;
      const json = JSON.stringify(unknown);
      const names =
        database.kind === 'sqlite' ? sql`json_each(${json})` : sql`json_array_elements_text(${json}::json) value`;
      const rows = await database.sql
        .selectFrom('device')
        .select('controller_id')
        .where('tenant_id', '=', this.#tenantId)
        .where(sql<SqlBool>`controller_id in (select value from ${names})`)
        .where(this.#condition(now))
        .execute();
      const matching = new Set(rows.map((row) => row.controller_id));
      for (const name of unknown) known.set(name!, matching.has(name!));
    }
    return items.filter(({ device }) => device !== null && known.get(device) === true);
  }

  #condition(now: number) {
    const bound = bindFilter(this.#filter, DEVICE_FIELDS, { nowMs: now, overdueMs: now });
    return deviceFilterSql(bound, this.#tenantId);
  }
}
