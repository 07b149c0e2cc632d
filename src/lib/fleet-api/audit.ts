import { OtaError } from '../core/errors.js';
import { whoami } from '../wire/access.js';
import { type AuditEntry, type AuditPage, auditPage } from '../wire/audit.js';
import { AUDIT_START, type AuditHead, followAudit, isBroken } from '../wire/audit-chain.js';
import type { FleetClient } from './fleet-client.js';

/** Entries of one request. */
const PAGE = 1_000;

export interface AuditFilter {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly object?: string | undefined;
  /** Milliseconds since 1970. */
  readonly since?: number | undefined;
}

export interface AuditList {
  /** The newest that match, the oldest of them first. */
  readonly entries: readonly AuditEntry[];
  /** How many match in all. */
  readonly total: number;
}

/** Reads the newest entries of the audit log. @param most how many at most */
export async function listAudit(
  client: FleetClient,
  filter: AuditFilter,
  { most, signal }: { most: number; signal?: AbortSignal },
): Promise<AuditList> {
  const entries: AuditEntry[] = [];
  let total = 0;
  for (let before: number | undefined; ; ) {
    const limit = Math.min(PAGE, most - entries.length);
    const page = await readPage(client, { ...filter, before, limit }, signal);
    if (before === undefined) total = page.total;
    entries.push(...page.items);
    before = page.items.at(-1)?.seq;
    if (page.items.length < limit || entries.length >= most) return { entries: entries.reverse(), total };
  }
}

export interface AuditVerification {
  readonly tenant: string;
  /** Entries that were followed. */
  readonly entries: number;
  /** Hash of the last one, to be remembered; null: there is none yet. */
  readonly head: string | null;
  /** Number of the entry that was remembered. */
  readonly rememberedSeq?: number;
}

/**
 * Downloads the whole audit log and follows its chain here: the server is asked for the entries, not for a verdict.
 *
 * @param remembered hash of an entry that the log had before; it has to have it still, and so all entries before it
 * @throws OtaError AUDIT_BROKEN: an entry was changed, removed or added, or the remembered one is gone
 */
export async function verifyAuditLog(
  client: FleetClient,
  { remembered, signal }: { remembered?: string | undefined; signal?: AbortSignal },
): Promise<AuditVerification> {
  const { tenant } = await client.call('GET', '/api/v1/whoami', { answer: whoami, signal });
  let end: AuditHead = AUDIT_START;
  let rememberedSeq: number | undefined;
  for (;;) {
    const { items } = await readPage(client, { after: end.seq, limit: PAGE }, signal);
    const followed = followAudit(end, items, tenant);
    if (isBroken(followed)) {
      throw new OtaError(
        'AUDIT_BROKEN',
        `the audit log of ${tenant} does not hold together at entry ${followed.seq}: ${followed.reason}`,
        ['Compare with a backup of the server: what was before this entry is as it was written.'],
      );
    }
    rememberedSeq ??= items.find(({ hash }) => hash === remembered)?.seq;
    end = followed;
    if (items.length < PAGE) break;
  }
  if (remembered !== undefined && rememberedSeq === undefined) {
    throw new OtaError(
      'AUDIT_BROKEN',
      `the audit log of ${tenant} has ${end.seq} entries that hold together, but none with the hash ${remembered}`,
      ['Check that the hash is of this tenant and server; if it is, entries were rewritten or cut off.'],
    );
  }
  return {
    tenant,
    entries: end.seq,
    head: end.seq === 0 ? null : end.hash,
    ...(rememberedSeq !== undefined && { rememberedSeq }),
  };
}

type PageQuery = AuditFilter & { before?: number | undefined; after?: number; limit: number };

function readPage(client: FleetClient, query: PageQuery, signal: AbortSignal | undefined): Promise<AuditPage> {
  return client.call('GET', '/api/v1/audit', { query: { ...query }, answer: auditPage, signal });
}
