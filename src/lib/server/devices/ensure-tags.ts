import type { Transaction } from 'kysely';
import { chunksOf } from '../database/chunks.js';
import type { Schema } from '../database/schema.js';

export interface EnsureTagsOptions {
  readonly tenantId: number;
  readonly createdBy: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Makes the tags that do not exist yet. @returns the identifiers of all, by name */
export async function ensureTags(
  tx: Transaction<Schema>,
  names: readonly string[],
  { tenantId, createdBy, now }: EnsureTagsOptions,
): Promise<Map<string, number>> {
  const ids = new Map<string, number>();
  // In one order, so that two processes that make the same tags do not wait for each other.
  for (const chunk of chunksOf([...new Set(names)].sort(), 4)) {
    await tx
      .insertInto('tag')
      .values(chunk.map((name) => ({ tenant_id: tenantId, name, created_at: now, created_by: createdBy })))
      .onConflict((taken) => taken.columns(['tenant_id', 'name']).doNothing())
      .execute();
    const rows = await tx
      .selectFrom('tag')
      .select(['id', 'name'])
      .where('tenant_id', '=', tenantId)
      .where('name', 'in', chunk)
      .execute();
    for (const { id, name } of rows) ids.set(name, id);
  }
  return ids;
}
