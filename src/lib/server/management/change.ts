import type { Transaction } from 'kysely';
import type { JsonValue } from '../../core/strict-json.js';
import type { OperatorPrincipal, Tenant } from '../access/principal.js';
import { audit } from '../audit/audit.js';
import type { ServerContext } from '../context.js';
import type { Schema } from '../database/schema.js';
import type { NewEvent } from '../events/event-log.js';

/** Who changes something, and when: a call of a route is one. */
export interface Changing {
  readonly server: Pick<ServerContext, 'database' | 'events'>;
  readonly tenant: Tenant;
  readonly principal: OperatorPrincipal;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface Change<T> {
  readonly result: T;
  /** `target.created`, `device:truck-7`, …: see audit/audit.ts. */
  readonly audit: { readonly action: string; readonly object: string; readonly detail?: Record<string, JsonValue> };
  readonly events?: readonly NewEvent[];
}

/** Changes something in one transaction, with its entry in the audit log and then its events. */
export async function change<T>(
  { server, tenant, principal, now }: Changing,
  work: (tx: Transaction<Schema>) => Promise<Change<T>>,
): Promise<T> {
  return server.database.transaction(async (tx) => {
    const { result, audit: entry, events = [] } = await work(tx);
    await audit(tx, {
      tenantId: tenant.id,
      actor: principal.name,
      action: entry.action,
      object: entry.object,
      detail: entry.detail ?? {},
      now,
    });
    await server.events.append(tx, events);
    return result;
  });
}
