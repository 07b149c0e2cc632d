import * as z from 'zod/mini';
import { canonicalJson } from '../core/canonical-json.js';
import { sha256Hex } from '../core/sha256.js';
import type { JsonObject } from '../core/strict-json.js';

const hash = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const text = (maxLength: number) => z.string().check(z.maxLength(maxLength));

/** Most bytes of an entry's `detail` as JSON. */
export const AUDIT_MAX_DETAIL_BYTES = 4096;

/** One entry of a tenant's audit log: who did what, chained to the entry before it. */
export const auditEntry = z.object({
  tenant: text(256),
  /** From 1, without holes. */
  seq: z.int().check(z.minimum(1)),
  /** Milliseconds since 1970, by the server's clock. */
  time: z.int(),
  /** An operator, `token:NAME`, `device:NAME` or `server`. */
  actor: text(512),
  /** `operator.created`, `setting.changed`, … */
  action: text(128),
  /** `operator:NAME`, `device:NAME`, … */
  object: text(512),
  detail: z.record(z.string(), z.json()),
  /** Of the entry before it; of the first, {@link AUDIT_GENESIS}. */
  previousHash: hash,
  /** SHA-256 of the canonical JSON (RFC 8785) of the other members. */
  hash,
});
export type AuditEntry = z.output<typeof auditEntry>;

/** What the first entry names as the one before it. */
export const AUDIT_GENESIS = '0'.repeat(64);

/** The hash that an entry must have. It covers the tenant and the number too, so that no entry fits another place. */
export function auditHash({ hash: _, ...signed }: Omit<AuditEntry, 'hash'> & { hash?: string }): string {
  return sha256Hex(canonicalJson(signed as JsonObject));
}

/** `GET /api/v1/audit`: a page, in the order asked for. */
export const auditPage = z.object({
  items: z.array(auditEntry),
  /** Entries that match in all. */
  total: z.int(),
  /** Of the last entry of the log, whatever was asked for; null: there is none yet. */
  head: z.nullable(z.object({ seq: z.int(), hash })),
});
export type AuditPage = z.output<typeof auditPage>;

/** `GET /api/v1/audit/verify`: what the server finds when it follows the chain. */
export const auditVerdict = z.object({
  isIntact: z.boolean(),
  /** Entries that were followed. */
  entries: z.int(),
  head: z.nullable(z.object({ seq: z.int(), hash })),
  /** The first entry that does not hold. */
  broken: z.optional(z.object({ seq: z.int(), reason: z.string() })),
});
export type AuditVerdict = z.output<typeof auditVerdict>;
