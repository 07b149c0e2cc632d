import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { Flags } from '@oclif/core';
import { OtaError } from '../lib/core/errors.js';
import { escapeText } from '../lib/core/text.js';
import { bearer, type CredentialSource } from '../lib/fleet-api/credential.js';
import type { FleetClient, FleetClientOptions } from '../lib/fleet-api/fleet-client.js';
import { profileCredential } from '../lib/fleet-api/profile-credential.js';
import { openProfiles, type Profile, type ProfileStore, type Profiles } from '../lib/fleet-api/profiles.js';
import { parseServerAddress } from '../lib/fleet-api/server-address.js';
import { type HttpPolicy, httpPolicyFromEnvironment } from '../lib/net/http-policy.js';
import { systemPacing } from '../lib/net/pacing.js';
import { secretOfEnvironment } from '../lib/ui/secret.js';

const GROUP = 'SERVER';

/** How a connection to a fleet server is made. */
export const connectionFlags = {
  ca: Flags.file({
    summary: "Authorities of the server's certificate, PEM, instead of the public ones.",
    helpValue: 'FILE',
    helpGroup: GROUP,
  }),
  'insecure-http': Flags.boolean({
    summary: 'Send credentials without TLS to another machine.',
    default: false,
    helpGroup: GROUP,
  }),
};

/** What every command has that talks to a fleet server: where it is and who one is there. */
export const fleetSessionFlags = {
  server: Flags.string({
    summary: 'Address of the fleet server; by default that of the current login.',
    helpValue: 'URL',
    helpGroup: GROUP,
  }),
  profile: Flags.string({
    summary: 'Login to use, as `fleet profiles` lists them.',
    helpValue: 'NAME',
    helpGroup: GROUP,
  }),
  'token-env': Flags.string({
    summary: 'Name of the environment variable that holds an API token; no login is needed then.',
    helpValue: 'NAME',
    helpGroup: GROUP,
  }),
  ...connectionFlags,
};

export interface FleetSessionFlags {
  readonly server?: string | undefined;
  readonly profile?: string | undefined;
  readonly 'token-env'?: string | undefined;
  readonly ca?: string | undefined;
  readonly 'insecure-http': boolean;
}

/** A server, and who one is there. */
export interface FleetSession {
  readonly client: FleetClient;
  /** Undefined with a token of the environment. */
  readonly profile: { readonly name: string; readonly value: Profile } | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `$XDG_CONFIG_HOME/ota-fleet/servers.json`, by default below `~/.config`. */
export function profileStore(environment: Environment, signal?: AbortSignal): ProfileStore {
  const { XDG_CONFIG_HOME } = environment;
  const base = XDG_CONFIG_HOME && isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : join(homedir(), '.config');
  return openProfiles(join(base, 'ota-fleet', 'servers.json'), systemPacing, signal);
}

/** Proxies as everywhere; the token that OTA_HTTP_TOKEN holds for downloads is not for fleet servers. */
export function fleetPolicy(environment: Environment, ca: string | undefined): HttpPolicy {
  const policy = httpPolicyFromEnvironment({ ...environment, OTA_HTTP_TOKEN: undefined });
  return ca === undefined ? policy : { ...policy, caFile: resolve(ca) };
}

/**
 * Opens the server that flags, configuration or the current login name. A login is sent to its own server alone.
 *
 * @throws OtaError AUTHENTICATION_FAILED: not logged in; USAGE, NOT_FOUND, CONFIG_INVALID
 */
export async function openFleetSession(
  flags: FleetSessionFlags,
  { environment, signal }: { environment: Environment; signal?: AbortSignal },
): Promise<FleetSession> {
  const store = profileStore(environment, signal);
  const named = flags.server === undefined ? undefined : serverOf(flags.server, flags);
  const token = tokenOf(flags);
  if (token !== undefined && named !== undefined) {
    const policy = fleetPolicy(environment, flags.ca);
    return { client: await openClient({ server: named, credential: bearer(token), policy }), profile: undefined };
  }
  const { name, value } = chosenProfile(await store.read(), { name: flags.profile, server: named });
  const server = serverOf(value.server, {
    'insecure-http': flags['insecure-http'] || value.isPlainAllowed === true,
  });
  const policy = fleetPolicy(environment, flags.ca ?? value.ca);
  const credential: CredentialSource =
    token === undefined ? loginCredential({ store, name, server, policy }) : bearer(token);
  const client = await openClient({ server, credential, policy });
  return { client, profile: token === undefined ? { name, value } : undefined };
}

/**
 * The Authorization header of the login for a server, for what needs it once, at its start.
 *
 * @throws OtaError AUTHENTICATION_FAILED: not logged in there
 */
export async function loginAuthorization(
  server: string,
  { environment, signal }: { environment: Environment; signal?: AbortSignal },
): Promise<string> {
  const store = profileStore(environment, signal);
  const { name, value } = chosenProfile(await store.read(), { name: undefined, server });
  const policy = fleetPolicy(environment, value.ca);
  const { authorization } = await loginCredential({ store, name, server: value.server, policy }).current();
  return authorization;
}

function loginCredential({
  store,
  name,
  server,
  policy,
}: {
  store: ProfileStore;
  name: string;
  server: string;
  policy: HttpPolicy;
}): CredentialSource {
  return profileCredential({
    ...{ store, name, server },
    now: () => Date.now(),
    refresh: async (refreshToken) => {
      const { refreshSession } = await import('../lib/fleet-api/sessions.js');
      return refreshSession({ server, policy }, refreshToken);
    },
  });
}

/** Who mistyped something does not wait for the HTTP client to be loaded. */
async function openClient(options: FleetClientOptions): Promise<FleetClient> {
  const { openFleetClient } = await import('../lib/fleet-api/fleet-client.js');
  return openFleetClient(options);
}

function tokenOf({ 'token-env': variable }: FleetSessionFlags): string | undefined {
  if (variable === undefined) return undefined;
  return checkedToken(secretOfEnvironment(variable, 'token-env'));
}

/** @throws OtaError USAGE; the token is not repeated */
export function checkedToken(text: string): string {
  const token = text.trim();
  if (/^[\x21-\x7e]{8,4096}$/.test(token)) return token;
  throw new OtaError('USAGE', 'what was given is no token: expected 8 characters or more and no white space', [
    '`fleet serve` writes the first one to DATA/admin-token.',
  ]);
}

function serverOf(text: string, flags: { readonly 'insecure-http': boolean }): string {
  return parseServerAddress(text, { isPlainAllowed: flags['insecure-http'] });
}

/** The profile that is named; else the one for the server, the current one first; else the current one. */
export function chosenProfile(
  { current, profiles }: Profiles,
  { name, server }: { name: string | undefined; server?: string | undefined },
): { name: string; value: Profile } {
  if (name !== undefined) {
    const value = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
    if (value === undefined) throw noProfile(name, Object.keys(profiles));
    if (server === undefined || value.server === server) return { name, value };
    throw new OtaError('USAGE', `the login "${escapeText(name)}" is for ${value.server}, not for ${server}`, [
      'Leave one of --profile and --server out.',
    ]);
  }
  const candidates = Object.entries(profiles).filter(([, value]) => server === undefined || value.server === server);
  const isCurrent = ([candidate]: [string, Profile]) => candidate === current;
  const found =
    candidates.find(isCurrent) ?? (server !== undefined && candidates.length === 1 ? candidates[0] : undefined);
  if (found !== undefined) return { name: found[0], value: found[1] };
  if (server !== undefined && candidates.length > 1) {
    throw new OtaError('USAGE', `there are several logins for ${server}`, [
      `Choose one: ${candidates.map(([one]) => `--profile ${one}`).join(', ')}.`,
    ]);
  }
  throw new OtaError('AUTHENTICATION_FAILED', `you are not logged in${server === undefined ? '' : ` to ${server}`}`, [
    `Run \`fleet login ${server ?? 'URL'}\`, or name a variable that holds a token with --token-env.`,
    ...(candidates.length > 0 ? ['Or choose a login with `fleet profiles use NAME`.'] : []),
  ]);
}

export function noProfile(name: string, known: readonly string[]): OtaError {
  return new OtaError('NOT_FOUND', `there is no login "${escapeText(name)}"`, [
    known.length === 0 ? 'Run `fleet login URL`.' : `There are ${known.map(escapeText).join(', ')}.`,
  ]);
}
