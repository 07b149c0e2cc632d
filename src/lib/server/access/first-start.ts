import { join } from 'node:path';
import { writeFileAtomically } from '../../core/atomic-file.js';
import type { Clock } from '../../core/clock.js';
import type { Database } from '../database/database.js';
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
 * The token is on disk before it is valid: whoever loses the race or the power in between finds no token that nobody knows.
 */
export async function prepareFirstStart(
  database: Database,
  { clock, dataDirectory }: { clock: Clock; dataDirectory: string },
): Promise<FirstStart | undefined> {
  const tenant = await database.sql.selectFrom('tenant').select('id').limit(1).executeTakeFirst();
  if (tenant !== undefined) return undefined;
  const adminToken = newToken();
  const tokenFile = join(dataDirectory, 'admin-token');
  await writeFileAtomically(tokenFile, Buffer.from(`${adminToken}\n`), { mode: 0o600, force: true });
  const now = clock.now().getTime();
  await database.transaction(async (tx) => {
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
  });
  return { adminToken, tokenFile };
}
