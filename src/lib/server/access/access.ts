import type { Clock } from '../../core/clock.js';
import type { ServerSettings } from '../context.js';
import type { Database } from '../database/database.js';
import { CampaignGrants } from './campaign-grants.js';
import { openPasswordLogin, type PasswordLogin } from './password-login.js';
import { openRateLimits, type RateLimits } from './rates.js';
import { serverSecret } from './server-secret.js';
import { type SessionTokens, sessionTokens } from './session-token.js';
import { openSessions, type Sessions } from './sessions.js';

/** What lets people in. */
export interface AccessControl {
  readonly limits: RateLimits;
  readonly passwords: PasswordLogin;
  readonly sessions: Sessions;
  readonly sessionTokens: SessionTokens;
  readonly grants: CampaignGrants;
}

export async function openAccessControl(
  database: Database,
  { clock, settings }: { clock: Clock; settings: ServerSettings },
): Promise<AccessControl> {
  const limits = openRateLimits(settings.rates, clock);
  const [signingKey, refreshKey] = await Promise.all([
    serverSecret(database, 'session-signing'),
    serverSecret(database, 'session-refresh'),
  ]);
  const tokens = sessionTokens(signingKey, clock);
  return {
    limits,
    passwords: openPasswordLogin({ database, clock, cost: settings.scryptCost, limits }),
    sessions: openSessions(database, { clock, key: refreshKey, tokens }),
    sessionTokens: tokens,
    grants: new CampaignGrants(),
  };
}
