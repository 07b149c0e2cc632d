import type { JsonObject } from '../../core/strict-json.js';
import type { AuditEntry, AuditPage, AuditVerdict } from '../../wire/audit.js';
import { AUDIT_START, type AuditHead, followAudit, isBroken } from '../../wire/audit-chain.js';
import type { Tenant } from '../access/principal.js';
import type { Queryable } from '../database/database.js';

export interface AuditQuery {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly object?: string | undefined;
  /** Milliseconds since 1970, inclusive. */
  readonly since?: number | undefined;
  /** Exclusive. */
  readonly until?: number | undefined;
  /** Only entries with a higher number, the lowest first … */
  readonly after?: number | undefined;
  /** … or only those with a lower one, the highest first. Without either: the highest first. */
  readonly before?: number | undefined;
  readonly limit: number;
}

export async function readAudit(db: Queryable, tenant: Tenant, query: AuditQuery): Promise<AuditPage> {
  const { actor, action, object, since, until, after, before, limit } = query;
  let matching = db.selectFrom('audit').where('tenant_id', '=', tenant.id);
  if (actor !== undefined) matching = matching.where('actor', '=', actor);
  if (action !== undefined) matching = matching.where('action', '=', action);
  if (object !== undefined) matching = matching.where('object', '=', object);
  if (since !== undefined) matching = matching.where('time', '>=', since);
  if (until !== undefined) matching = matching.where('time', '<', until);
  const { total } = await matching.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirstOrThrow();
  let page = matching
    .selectAll()
    .orderBy('seq', after === undefined ? 'desc' : 'asc')
    .limit(limit);
  if (after !== undefined) page = page.where('seq', '>', after);
  if (before !== undefined) page = page.where('seq', '<', before);
  const rows = await page.execute();
  return { items: rows.map((row) => entryOf(row, tenant)), total: Number(total), head: await headOf(db, tenant.id) };
}

/** Entries that are read at once to be followed. */
const CHUNK = 1_000;

/** Follows the whole chain of a tenant. */
export async function verifyAudit(db: Queryable, tenant: Tenant, signal: AbortSignal): Promise<AuditVerdict> {
  let head: AuditHead = AUDIT_START;
  for (;;) {
    signal.throwIfAborted();
    const rows = await db
      .selectFrom('audit')
      .selectAll()
      .where('tenant_id', '=', tenant.id)
      .where('seq', '>', head.seq)
      .orderBy('seq')
      .limit(CHUNK)
      .execute();
    const result = followAudit(
      head,
      rows.map((row) => entryOf(row, tenant)),
      tenant.name,
    );
    if (isBroken(result)) {
      return { isIntact: false, entries: result.seq - 1, head: await headOf(db, tenant.id), broken: result };
    }
    head = result;
    if (rows.length < CHUNK) return { isIntact: true, entries: head.seq, head: head.seq === 0 ? null : head };
  }
}

async function headOf(db: Queryable, tenantId: number): Promise<AuditHead | null> {
  const row = await db
    .selectFrom('audit')
    .select(['seq', 'hash'])
    .where('tenant_id', '=', tenantId)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}

interface AuditRow {
  seq: number;
  time: number;
  actor: string;
  action: string;
  object: string;
  detail: string;
  previous_hash: string;
  hash: string;
}

function entryOf(row: AuditRow, tenant: Tenant): AuditEntry {
  const { seq, time, actor, action, object, detail, previous_hash: previousHash, hash } = row;
  return {
    tenant: tenant.name,
    seq,
    time,
    actor,
    action,
    object,
    detail: JSON.parse(detail) as JsonObject,
    previousHash,
    hash,
  };
}
