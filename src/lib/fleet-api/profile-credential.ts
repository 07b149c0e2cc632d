import { OtaError } from '../core/errors.js';
import type { SessionGrant } from '../wire/access.js';
import { basicAuthorization, type Credential, type CredentialSource } from './credential.js';
import type { Profile, ProfileStore } from './profiles.js';

/** An access token that ends sooner is renewed before it is used: requests take time, and clocks differ. Milliseconds. */
const RENEW_BEFORE_MS = 30_000;

export interface ProfileCredentialOptions {
  readonly store: ProfileStore;
  /** Name of the profile. */
  readonly name: string;
  /** The server that it is for: the login of another one is never sent there. */
  readonly server: string;
  readonly now: () => number;
  /** Renews a session at the server. @throws OtaError AUTHENTICATION_FAILED: it has ended */
  readonly refresh: (refreshToken: string) => Promise<SessionGrant>;
}

/**
 * What a profile logs in with. A session is renewed under the lock of the file: a refresh token is good for one renewal,
 * and one that is used twice ends the session, so processes that find it old at the same time renew it once.
 */
export function profileCredential(options: ProfileCredentialOptions): CredentialSource {
  const { store, name, server, now } = options;
  const profileIn = ({ profiles }: Awaited<ReturnType<ProfileStore['read']>>): Profile => {
    const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
    if (profile?.server === server) return profile;
    throw new OtaError('AUTHENTICATION_FAILED', `you are no longer logged in to ${server}`, loginAgain(server));
  };
  const renewed = async (isRefused: (grant: SessionGrant) => boolean): Promise<Credential> => {
    const after = await store.change(async (kept) => {
      const profile = profileIn(kept);
      // Another process has renewed it while this one waited.
      if (profile.session === undefined || !isRefused(profile.session)) return undefined;
      const session = await options.refresh(profile.session.refreshToken).catch((error: unknown) => {
        if (!(error instanceof OtaError) || error.code !== 'AUTHENTICATION_FAILED') throw error;
        throw new OtaError('AUTHENTICATION_FAILED', `the session at ${server} has ended`, loginAgain(server));
      });
      return { ...kept, profiles: { ...kept.profiles, [name]: { ...profile, session } } };
    });
    return credentialOf(profileIn(after));
  };
  const isOld = ({ accessExpiresAt }: SessionGrant) => accessExpiresAt - now() < RENEW_BEFORE_MS;
  return {
    async current() {
      const profile = profileIn(await store.read());
      return profile.session === undefined || !isOld(profile.session) ? credentialOf(profile) : renewed(isOld);
    },
    async renew(refused) {
      const profile = profileIn(await store.read());
      if (profile.session === undefined) {
        // Somebody has logged in again while this ran.
        const now = credentialOf(profile);
        return now.authorization === refused.authorization ? undefined : now;
      }
      return renewed(({ accessToken }) => bearerOf(accessToken) === refused.authorization);
    },
  };
}

function credentialOf({ name, password, token, session }: Profile): Credential {
  if (password !== undefined) return { authorization: basicAuthorization(name, password) };
  return { authorization: bearerOf(session?.accessToken ?? token ?? '') };
}

function bearerOf(token: string): string {
  return `Bearer ${token}`;
}

function loginAgain(server: string): string[] {
  return [`Run \`fleet login ${server}\`.`];
}
