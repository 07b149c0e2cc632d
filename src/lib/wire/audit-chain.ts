import { AUDIT_GENESIS, type AuditEntry, auditHash } from './audit.js';

/** How far a log was followed. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
}

export const AUDIT_START: AuditHead = { seq: 0, hash: AUDIT_GENESIS };

/** Where a log does not hold together. */
export interface AuditBreak {
  readonly seq: number;
  readonly reason: string;
}

/**
 * Follows entries of one log from where the last ones ended.
 *
 * @param tenant whose log it has to be
 * @returns the new end, or the first entry that was changed, removed, added or put elsewhere
 */
export function followAudit(head: AuditHead, entries: readonly AuditEntry[], tenant: string): AuditHead | AuditBreak {
  let { seq, hash } = head;
  for (const entry of entries) {
    const expected = seq + 1;
    if (entry.seq !== expected) return { seq: expected, reason: `the next entry has number ${entry.seq}` };
    if (entry.tenant !== tenant) return { seq: expected, reason: 'belongs to another tenant' };
    if (entry.previousHash !== hash) return { seq: expected, reason: 'does not follow the entry before it' };
    if (entry.hash !== auditHash(entry)) return { seq: expected, reason: 'is not what its hash was made of' };
    ({ seq, hash } = entry);
  }
  return { seq, hash };
}

export function isBroken(result: AuditHead | AuditBreak): result is AuditBreak {
  return 'reason' in result;
}
