import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { Flags } from '@oclif/core';
import { OtaError } from '../lib/core/errors.js';
import { escapeText } from '../lib/core/text.js';
import type { CredentialSource } from '../lib/fleet-api/credential.js';
import type { FleetClient, FleetClientOptions } from '../lib/fleet-api/fleet-client.js';
import { profileCredential } from '../lib/fleet-api/profile-credential.js';
import { openProfiles, type Profile, type ProfileStore, type Profiles } from '../lib/fleet-api/profiles.js';
import { type DriverKind, parseDriverAddress, parseServerAddress } from '../lib/fleet-api/server-address.js';
import type { HttpPolicy } from '../lib/net/http-policy.js';
import type { HttpTrace } from '../lib/net/http-trace.js';
import { systemPacing } from '../lib/net/pacing.js';
import { givenCredential } from './given-credential.js';
import { type ConnectionFiles, connectionFlags, filesOf, fleetPolicy } from './server-connection.js';

const GROUP = 'SERVER';

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
  'trace-http': Flags.file({
    summary: 'New file to write each request to the server to, without secrets, one line of JSON each.',
    helpValue: 'FILE',
    helpGroup: GROUP,
  }),
};

export interface FleetSessionFlags extends ConnectionFiles {
  readonly server?: string | undefined;
  readonly profile?: string | undefined;
  readonly 'token-env'?: string | undefined;
  readonly 'trace-http'?: string | undefined;
  /** Name and password in place of a login. */
  readonly username?: string | undefined;
  readonly 'password-env'?: string | undefined;
  readonly 'insecure-http': boolean;
}

/** A server, and who one is there. */
export interface FleetSession {
  readonly client: FleetClient;
  readonly driver: DriverKind;
  /** Undefined with a token or password of the environment. */
  readonly profile: { readonly name: string; readonly value: Profile } | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `$XDG_CONFIG_HOME/ota-fleet/servers.json`, by default below `~/.config`. */
export function profileStore(environment: Environment, signal?: AbortSignal): ProfileStore {
  const { XDG_CONFIG_HOME } = environment;
  const base = XDG_CONFIG_HOME && isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : join(homedir(), '.config');
  return openProfiles(join(base, 'ota-fleet', 'servers.json'), systemPacing, signal);
}

/**
 * Opens the server that flags, configuration or the current login name. A login is sent to its own server alone.
 *
 * @param drivers what the command can talk to; fleet servers alone unless said
 * @throws OtaError AUTHENTICATION_FAILED: not logged in; USAGE, NOT_FOUND, CONFIG_INVALID
 */
export async function openFleetSession(
  flags: FleetSessionFlags,
  {
    environment,
    signal,
    drivers = ['fleet'],
  }: { environment: Environment; signal?: AbortSignal; drivers?: readonly DriverKind[] },
): Promise<FleetSession> {
  const store = profileStore(environment, signal);
  const named = flags.server === undefined ? undefined : addressOf(flags.server, flags);
  const given = givenCredential(flags);
  const open = async (server: string, credential: CredentialSource, files: ConnectionFiles) => {
    const trace = await traceOf(flags['trace-http']);
    const client = await openClient({ server, credential, policy: fleetPolicy(environment, files), trace });
    return trace === undefined ? client : tracedClient(client, trace);
  };
  if (given !== undefined && named !== undefined) {
    requireDriver(named.driver, drivers, named.server);
    return { client: await open(named.server, given, flags), driver: named.driver, profile: undefined };
  }
  const { name, value } = chosenProfile(await store.read(), { name: flags.profile, server: named?.server });
  const driver = value.driver ?? 'fleet';
  if (named?.isExplicit && named.driver !== driver) throw otherDriver(name, { driver, asked: named.driver });
  requireDriver(driver, drivers, value.server);
  const server = parseServerAddress(value.server, {
    isPlainAllowed: flags['insecure-http'] || value.isPlainAllowed === true,
  });
  const files = filesOf(value, flags);
  const credential = given ?? loginCredential({ store, name, server, policy: fleetPolicy(environment, files) });
  const client = await open(server, credential, files);
  return { client, driver, profile: given === undefined ? { name, value } : undefined };
}

function addressOf(text: string, flags: { readonly 'insecure-http': boolean }) {
  const parsed = parseDriverAddress(text, { isPlainAllowed: flags['insecure-http'] });
  return { ...parsed, isExplicit: /^[a-z0-9]+\+/i.test(text) };
}

function requireDriver(driver: DriverKind, drivers: readonly DriverKind[], server: string): void {
  if (drivers.includes(driver)) return;
  throw new OtaError('USAGE', `${server} is a hawkBit, and this command talks to fleet servers only`, [
    'Name another server with --server, or another login with --profile.',
  ]);
}

function otherDriver(name: string, { driver, asked }: { driver: DriverKind; asked: DriverKind }): OtaError {
  return new OtaError('USAGE', `the login "${escapeText(name)}" is for a ${driver} server, not for a ${asked} one`, [
    'Log in again with the address that you mean.',
  ]);
}

async function traceOf(path: string | undefined): Promise<HttpTrace | undefined> {
  if (path === undefined) return undefined;
  const { openHttpTrace } = await import('../lib/net/http-trace.js');
  return openHttpTrace(path);
}

function tracedClient(client: FleetClient, trace: HttpTrace): FleetClient {
  return {
    server: client.server,
    call: (method, path, request) => client.call(method, path, request),
    open: (method, path, request) => client.open(method, path, request),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      trace[Symbol.dispose]();
    },
  };
}

/** Address of the server of the current login; undefined: nobody is logged in. */
export async function loginServer(environment: Environment, signal?: AbortSignal): Promise<string | undefined> {
  const { current, profiles } = await profileStore(environment, signal).read();
  return current != null && Object.hasOwn(profiles, current) ? profiles[current]!.server : undefined;
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
  const policy = fleetPolicy(environment, filesOf(value));
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
