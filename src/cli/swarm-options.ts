import { dirname } from 'node:path';
import * as z from 'zod/mini';
import { OtaError } from '../lib/core/errors.js';
import { readBounded } from '../lib/core/file-access.js';
import { checkSchema } from '../lib/core/schema.js';
import { parseStrictJson } from '../lib/core/strict-json.js';
import { escapeText } from '../lib/core/text.js';
import { httpPolicyFromEnvironment } from '../lib/net/http-policy.js';
import { openTrustAnchor } from '../lib/package/trust-anchor.js';
import { DEFAULT_PROFILE, PROFILE_MAX_BYTES, parseProfile, type SwarmProfile } from '../lib/swarm/profile.js';
import type { DeviceAccess, SwarmOptions } from '../lib/swarm/run-swarm.js';
import { parseSink } from '../lib/telemetry/endpoint.js';
import { authorizationFor } from '../lib/telemetry/http-credentials.js';
import { mqttBroker } from '../lib/telemetry/mqtt-access.js';
import { secretOfEnvironment } from '../lib/ui/secret.js';
import { trustAnchorSpec } from './trust-flags.js';

/** What was typed. */
export interface SwarmFlags {
  devices: number;
  server?: string | undefined;
  tenant: string;
  profile?: string | undefined;
  product?: string | undefined;
  model?: string | undefined;
  seed: number;
  prefix: string;
  register: boolean;
  'gateway-token-env'?: string | undefined;
  'tokens-file'?: string | undefined;
  'token-env'?: string | undefined;
  username?: string | undefined;
  'password-env'?: string | undefined;
  key?: string[] | undefined;
  threshold?: number | undefined;
  trust?: string | undefined;
  'allow-test-keys': boolean;
  verify: 'once' | 'each';
  telemetry: 'none' | 'http' | 'mqtt';
  mqtt?: string | undefined;
  'mqtt-connections': number;
  connections: number;
  downloads: number;
  'until-idle'?: number | undefined;
  duration?: number | undefined;
  patience: number;
}

/** A line for each of a hundred thousand devices, with long names. */
const MAX_TOKENS_BYTES = 64 * 1024 * 1024;
const MAX_TOKENS = 1_000_000;
/** Where `fleet serve` listens unless told otherwise. */
const DEFAULT_SERVER = 'http://127.0.0.1:8080';

/**
 * Reads files and environment variables that flags name. Connects to nothing.
 *
 * @throws OtaError USAGE, CONFIG_INVALID, and the failures of reading
 */
export async function swarmOptions(flags: SwarmFlags): Promise<Omit<SwarmOptions, 'signal' | 'onEvent'>> {
  const server = serverUrl(flags.server ?? (await currentServer()) ?? DEFAULT_SERVER);
  const access = await deviceAccess(flags);
  const hasKeys = flags.trust !== undefined || flags.key !== undefined;
  return {
    server,
    tenant: flags.tenant,
    devices: flags.devices,
    prefix: flags.prefix,
    profile: await readProfile(flags),
    profileFolder: flags.profile === undefined ? '.' : dirname(flags.profile),
    seed: flags.seed,
    access,
    operator: operatorAuthorization(server, flags) ?? (await loginOf(server, access)),
    trust: hasKeys
      ? { anchor: await openTrustAnchor(trustAnchorSpec(flags)), allowTestKeys: flags['allow-test-keys'] }
      : undefined,
    verify: flags.verify,
    telemetry: await telemetryOptions(server, access, flags),
    connections: flags.connections,
    downloads: flags.downloads,
    untilIdleMs: flags['until-idle'],
    durationMs: flags.duration,
    patienceMs: flags.patience,
    http: httpPolicyFromEnvironment(process.env),
  };
}

function serverUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.username || url?.password) {
    throw new OtaError('SECRET_IN_ARGV', 'The address of the server carries a user name or password', [
      'Use --token-env, or --username with --password-env.',
    ]);
  }
  if ((url?.protocol === 'http:' || url?.protocol === 'https:') && url.pathname === '/' && url.search === '')
    return url;
  throw new OtaError('USAGE', `--server: "${escapeText(text)}" is not the address of a server`, [
    'Write it without a path, such as https://fleet.example.com:8443.',
  ]);
}

async function readProfile({ profile: path, product, model }: SwarmFlags): Promise<SwarmProfile> {
  const profile =
    path === undefined ? DEFAULT_PROFILE : parseProfile(await readBounded(path, PROFILE_MAX_BYTES, 'profile'), path);
  return {
    ...profile,
    ...(product !== undefined && { product }),
    ...(model !== undefined && { models: [{ model, weight: 1 }] }),
  };
}

async function deviceAccess(flags: SwarmFlags): Promise<DeviceAccess> {
  if (flags['gateway-token-env'] !== undefined) {
    return { kind: 'gateway', token: secretOfEnvironment(flags['gateway-token-env'], 'gateway-token-env') };
  }
  if (flags['tokens-file'] !== undefined) return { kind: 'tokens', tokens: await readTokens(flags['tokens-file']) };
  if (flags.register) return { kind: 'register' };
  throw new OtaError('USAGE', 'How devices prove who they are is not said', [
    'Add --register to create them, --tokens-file FILE with their tokens, or --gateway-token-env NAME.',
  ]);
}

/** `{"DEVICE":"TOKEN", …}` */
async function readTokens(path: string): Promise<ReadonlyMap<string, string>> {
  const raw = await readBounded(path, MAX_TOKENS_BYTES, 'file of tokens');
  const value = parseStrictJson(raw, { name: path, maxBytes: MAX_TOKENS_BYTES, maxValues: MAX_TOKENS });
  const token = z.string().check(z.regex(/^[\x21-\x7e]{1,1024}$/, 'expected a token of printable characters'));
  const tokens = checkSchema<Record<string, string>>(z.record(z.string(), token), value, {
    code: 'CONFIG_INVALID',
    name: path,
  });
  const all = new Map(Object.entries(tokens));
  if (all.size === 0) throw new OtaError('CONFIG_INVALID', `${escapeText(path)}: holds no device`);
  return all;
}

function operatorAuthorization(server: URL, flags: SwarmFlags): string | undefined {
  const { username, 'token-env': tokenName, 'password-env': passwordName } = flags;
  const token = tokenName === undefined ? undefined : secretOfEnvironment(tokenName, 'token-env');
  const password = passwordName === undefined ? undefined : secretOfEnvironment(passwordName, 'password-env');
  const credential = token === undefined ? undefined : { origin: server.origin, token };
  return authorizationFor(server, { credential, username, password });
}

/** That of the login; a swarm without one has no need of it. */
async function currentServer(): Promise<string | undefined> {
  const { loginServer } = await import('./fleet-session.js');
  return loginServer(process.env);
}

/** Whoever is logged in registers the devices, unless somebody else was named. */
async function loginOf(server: URL, access: DeviceAccess): Promise<string | undefined> {
  if (access.kind !== 'register') return undefined;
  const { loginAuthorization } = await import('./fleet-session.js');
  return loginAuthorization(server.origin, { environment: process.env });
}

async function telemetryOptions(
  server: URL,
  access: DeviceAccess,
  flags: SwarmFlags,
): Promise<SwarmOptions['telemetry']> {
  if (flags.telemetry !== 'mqtt') return { via: flags.telemetry };
  if (access.kind === 'gateway') {
    throw new OtaError('USAGE', 'A broker asks each device for a token of its own, a gateway token is none', [
      'Use --register or --tokens-file, or --telemetry http.',
    ]);
  }
  const address = flags.mqtt ?? `${server.protocol === 'https:' ? 'mqtts' : 'mqtt'}://${server.hostname}`;
  // The topic of a sink: this command has topics of its own, an address has none.
  const endpoint = parseSink(`${address.replace(/\/$/, '')}/t`);
  if (endpoint.kind !== 'mqtt' || endpoint.topic !== 't') {
    throw new OtaError('USAGE', `--mqtt: "${escapeText(address)}" is not the address of a broker`, [
      'Write it without a topic, such as mqtts://broker.example.com:8883.',
    ]);
  }
  const { OTA_CA_FILE: caFile } = process.env;
  return {
    via: 'mqtt',
    broker: await mqttBroker(endpoint, { username: 'device', password: 'its own', caFile: caFile || undefined }),
    connections: flags['mqtt-connections'],
  };
}
