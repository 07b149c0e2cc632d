import { jwtVerify, SignJWT } from 'jose';
import type { Clock } from '../../core/clock.js';

/** The one algorithm. A token that names another is refused whatever its key: rows 55 of the refusal catalogue. */
const ALGORITHM = 'HS256';
const ISSUER = 'ota-fleet';
const AUDIENCE = 'ota-fleet/operators';
export const ACCESS_LIFETIME_MS = 15 * 60_000;

/** Signs and reads the JSON web tokens of sessions. */
export interface SessionTokens {
  /** @returns a token for a quarter of an hour that names the session and nothing else: who and which role is looked up */
  sign(sessionId: string): Promise<string>;
  /** @returns the session that it names; undefined: it was not signed here, or has expired */
  sessionOf(token: string): Promise<string | undefined>;
}

export function sessionTokens(key: Uint8Array, clock: Clock): SessionTokens {
  return {
    sign(sessionId) {
      const now = clock.now().getTime();
      return new SignJWT()
        .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setJti(sessionId)
        .setIssuedAt(Math.floor(now / 1000))
        .setExpirationTime(Math.floor((now + ACCESS_LIFETIME_MS) / 1000))
        .sign(key);
    },
    async sessionOf(token) {
      try {
        // Headers that bring or name a key (jwk, jku, x5c, kid) are never looked at: the key is ours.
        const { payload } = await jwtVerify(token, key, {
          algorithms: [ALGORITHM],
          issuer: ISSUER,
          audience: AUDIENCE,
          requiredClaims: ['jti', 'exp'],
          currentDate: clock.now(),
        });
        return payload.jti;
      } catch {
        return undefined;
      }
    },
  };
}
