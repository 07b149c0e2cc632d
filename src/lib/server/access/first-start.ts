import { join } from 'node:path';
import { sql } from 'kysely';
import { writeFileAtomically } from '../../core/atomic-file.js';
import type { Clock } from '../../core/clock.js';
import { ADVISORY_LOCK } from '../database/advisory-locks.js';
import type { Database, Queryable } from '../database/database.js';
import { createTenant } from './create-tenant.js';
import { HOME_TENANT } from './home-tenant.js';
import { newToken, tokenHash } from './token.js';

export interface FirstStart {
  /** Everything may be done with it, so it is shown once, on a terminal only. */
  readonly adminToken: string;
  /** The file it was written to, mode 0600. */
  readonly tokenFile: string;
}

/**
 * Makes the first tenant and a token for its administrator, if there is no tenant yet.
 *
 * The token is on disk before it is valid: whoever loses the power in between finds no token that nobody knows. Of
 * processes that start together over one database one makes it, and the others write nothing.
 */
export async function prepareFirstStart(
  database: Database,
  { clock, dataDirectory }: { clock: Clock; dataDirectory: string },
): Promise<FirstStart | undefined> {
  if (await hasTenant(database.sql)) return undefined;
  const adminToken = newToken();
  const tokenFile = join(dataDirectory, 'admin-token');
  const now = clock.now().getTime();
  return await database.transaction(async (tx) => {
    if (database.kind === 'postgres') await sql`select pg_advisory_xact_lock(${ADVISORY_LOCK.firstStart})`.execute(tx);
    if (await hasTenant(tx)) return undefined;
    const tenantId = await createTenant(tx, HOME_TENANT, now);
    await tx
      .insertInto('api_token')
      .values({
        tenant_id: tenantId,
        name: 'first',
        role: 'admin',
        token_hash: tokenHash(adminToken),
        created_by: 'server',
        created_at: now,
        expires_at: null,
        revoked_at: null,
        last_used_at: null,
      })
      .execute();
    await writeFileAtomically(tokenFile, Buffer.from(`${adminToken}\n`), { mode: 0o600, force: true });
    return { adminToken, tokenFile };
  });
}

async function hasTenant(db: Queryable): Promise<boolean> {
  return (await db.selectFrom('tenant').select('id').limit(1).executeTakeFirst()) !== undefined;
}
