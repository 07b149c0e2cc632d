import type { Clock } from '../../core/clock.js';
import type { SessionGrant } from '../../wire/access.js';
import type { Database } from '../database/database.js';
import { newRefreshToken, newSessionId, sessionOfRefreshToken } from './refresh-token.js';
import { ACCESS_LIFETIME_MS, type SessionTokens } from './session-token.js';
import { tokenHash } from './token.js';
import { unauthenticated } from './unauthenticated.js';

/** After so long the password is asked for again. */
const SESSION_LIFETIME_MS = 30 * 86_400_000;
/** Sessions of one operator; one more ends the oldest. */
const MAX_SESSIONS = 64;

/** Logins that last. Everything about them but the signature is in the database, so every process knows what has ended. */
export interface Sessions {
  start(operator: { readonly id: number; readonly tenantId: number }): Promise<SessionGrant>;
  /** @throws ServerFailure 401 */
  renew(refreshToken: string): Promise<SessionGrant>;
  end(sessionId: string): Promise<void>;
}

export function openSessions(
  { sql, transaction }: Database,
  { clock, key, tokens }: { clock: Clock; key: Uint8Array; tokens: SessionTokens },
): Sessions {
  const now = () => clock.now().getTime();
  const grant = async (sessionId: string, refreshToken: string, expiresAt: number): Promise<SessionGrant> => ({
    accessToken: await tokens.sign(sessionId),
    accessExpiresAt: now() + ACCESS_LIFETIME_MS,
    refreshToken,
    expiresAt,
  });
  const end = async (sessionId: string) => {
    await sql
      .updateTable('session')
      .set({ revoked_at: now() })
      .where('id', '=', sessionId)
      .where('revoked_at', 'is', null)
      .execute();
  };
  return {
    end,
    async start({ id, tenantId }) {
      const sessionId = newSessionId();
      const refreshToken = newRefreshToken(key, sessionId);
      const expiresAt = now() + SESSION_LIFETIME_MS;
      await transaction(async (tx) => {
        const older = await tx
          .selectFrom('session')
          .select('id')
          .where('operator_id', '=', id)
          .orderBy('created_at', 'desc')
          .offset(MAX_SESSIONS - 1)
          .limit(MAX_SESSIONS)
          .execute();
        if (older.length > 0) {
          const ids = older.map((session) => session.id);
          await tx.deleteFrom('session').where('id', 'in', ids).execute();
        }
        await tx
          .insertInto('session')
          .values({
            id: sessionId,
            tenant_id: tenantId,
            operator_id: id,
            refresh_hash: tokenHash(refreshToken),
            created_at: now(),
            expires_at: expiresAt,
          })
          .execute();
      });
      return grant(sessionId, refreshToken, expiresAt);
    },
    async renew(refreshToken) {
      const sessionId = sessionOfRefreshToken(key, refreshToken);
      if (sessionId === undefined) throw unauthenticated();
      const next = newRefreshToken(key, sessionId);
      const renewed = await sql
        .updateTable('session')
        .set({ refresh_hash: tokenHash(next) })
        .where('id', '=', sessionId)
        .where('refresh_hash', '=', tokenHash(refreshToken))
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now())
        .returning('expires_at')
        .executeTakeFirst();
      if (renewed !== undefined) return grant(sessionId, next, renewed.expires_at);
      // Row 56: replayed. Whoever used it first may have been the thief.
      await end(sessionId);
      throw unauthenticated();
    },
  };
}
