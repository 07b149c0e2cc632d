import { type SessionGrant, sessionGrant, type Whoami, whoami } from '../wire/access.js';
import { bearer } from './credential.js';
import { type FleetClientOptions, openFleetClient } from './fleet-client.js';

type Connection = Omit<FleetClientOptions, 'credential'>;

export interface PasswordLogin {
  /** Absent: the tenant that the server began with. */
  readonly tenant?: string | undefined;
  readonly name: string;
  readonly password: string;
}

/** Who a token is at a server. @throws OtaError AUTHENTICATION_FAILED, and those of asking */
export async function askWhoami(connection: Connection, token: string): Promise<Whoami> {
  await using client = await openFleetClient({ ...connection, credential: bearer(token) });
  return await client.call('GET', '/api/v1/whoami', { answer: whoami });
}

/** Begins a session. @throws OtaError AUTHENTICATION_FAILED: the server knows no such name and password */
export async function startSession(connection: Connection, login: PasswordLogin): Promise<SessionGrant> {
  await using client = await openFleetClient(connection);
  return await client.call('POST', '/api/v1/session', { json: login, answer: sessionGrant });
}

/** Never repeated: the refresh token is good for one renewal. @throws OtaError AUTHENTICATION_FAILED: it has ended */
export async function refreshSession(connection: Connection, refreshToken: string): Promise<SessionGrant> {
  await using client = await openFleetClient(connection);
  return await client.call('POST', '/api/v1/session/refresh', { json: { refreshToken }, answer: sessionGrant });
}

/** Ends a session for everybody who has its tokens. @throws OtaError AUTHENTICATION_FAILED: it had ended before */
export async function endSession(connection: Connection, accessToken: string): Promise<void> {
  await using client = await openFleetClient({ ...connection, credential: bearer(accessToken) });
  await client.call('DELETE', '/api/v1/session');
}
