import type { AuditEntry } from '../wire/audit.js';
import { gridText } from './table.js';

/** Entries of an audit log, a line each. */
export function auditText(entries: readonly AuditEntry[]): Promise<string> {
  return gridText(
    ['NUMBER', 'TIME', 'WHO', 'DID', 'TO', 'DETAIL'],
    entries.map(({ seq, time, actor, action, object, detail }) => [
      seq,
      new Date(time).toISOString(),
      actor,
      action,
      object,
      Object.keys(detail).length === 0 ? '' : JSON.stringify(detail),
    ]),
  );
}
