import type { Transaction } from 'kysely';
import { canonicalJson } from '../../core/canonical-json.js';
import { sha256Hex } from '../../core/sha256.js';
import type { JsonObject, JsonValue } from '../../core/strict-json.js';
import { AUDIT_GENESIS, AUDIT_MAX_DETAIL_BYTES, auditHash } from '../../wire/audit.js';
import type { Schema } from '../database/schema.js';

export interface AuditRecord {
  readonly tenantId: number;
  /** Name of the principal, `device:NAME`, or `server`. */
  readonly actor: string;
  /** `device.created`, `rollout.started`, … */
  readonly action: string;
  /** `device:NAME`, `rollout:7`, … */
  readonly object: string;
  /** What a reader will want to know; never a secret. Too much of it is replaced by its hash. */
  readonly detail: Readonly<Record<string, JsonValue>>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const MAX_NAME_LENGTH = 512;

/**
 * Appends to the audit log of a tenant, within the transaction that makes it happen, and before `events.append`:
 * both hold a lock to the end of the transaction, and everybody must take them in the same order.
 */
export async function audit(tx: Transaction<Schema>, record: AuditRecord): Promise<void> {
  const { tenantId, action, now } = record;
  // Appenders of other processes wait here; the tenant's other rows can still be made. SQLite has one writer anyway.
  const tenant = await lockTenant(tx, tenantId);
  const last = await tx
    .selectFrom('audit')
    .select(['seq', 'hash'])
    .where('tenant_id', '=', tenantId)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  const entry = {
    tenant,
    seq: (last?.seq ?? 0) + 1,
    time: now,
    actor: bounded(record.actor),
    action,
    object: bounded(record.object),
    detail: boundedDetail(record.detail),
    previousHash: last?.hash ?? AUDIT_GENESIS,
  };
  await tx
    .insertInto('audit')
    .values({
      tenant_id: tenantId,
      seq: entry.seq,
      time: now,
      actor: entry.actor,
      action,
      object: entry.object,
      detail: canonicalJson(entry.detail).toString(),
      previous_hash: entry.previousHash,
      hash: auditHash(entry),
    })
    .execute();
}

async function lockTenant(tx: Transaction<Schema>, tenantId: number): Promise<string> {
  const query = tx.selectFrom('tenant').select('name').where('id', '=', tenantId);
  const isShared = tx.getExecutor().adapter.supportsMultipleConnections;
  const { name } = await (isShared ? query.forNoKeyUpdate() : query).executeTakeFirstOrThrow();
  return name;
}

function bounded(text: string): string {
  const whole = text.toWellFormed();
  return whole.length <= MAX_NAME_LENGTH ? whole : `${whole.slice(0, MAX_NAME_LENGTH - 1).toWellFormed()}…`;
}

function boundedDetail(detail: Readonly<Record<string, JsonValue>>): JsonObject {
  const wellFormed = JSON.parse(JSON.stringify(detail), (_name, value) => wellFormedValue(value)) as JsonObject;
  const bytes = canonicalJson(wellFormed);
  if (bytes.length <= AUDIT_MAX_DETAIL_BYTES) return wellFormed;
  return { omittedBytes: bytes.length, sha256: sha256Hex(bytes) };
}

/** Names from outside may hold lone surrogates, which have no canonical form. */
function wellFormedValue(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name.toWellFormed(), member]));
}
