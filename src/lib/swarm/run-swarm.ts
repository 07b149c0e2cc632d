import type { Dispatcher } from 'undici';
import { OtaError } from '../core/errors.js';
import { ResourceStack } from '../core/resource-stack.js';
import { openDispatcher } from '../net/dispatcher.js';
import { type HttpPolicy, isLoopback } from '../net/http-policy.js';
import { type Pacing, systemPacing } from '../net/pacing.js';
import type { TrustAnchor } from '../package/trust-anchor.js';
import type { MqttBroker } from '../telemetry/mqtt-access.js';
import { DdiClient } from './ddi-client.js';
import { factoryVersions } from './factory-versions.js';
import { Gate } from './gate.js';
import { HttpTelemetry } from './http-telemetry.js';
import { Installer, type VerifyMode } from './installer.js';
import { MqttTelemetry } from './mqtt-telemetry.js';
import { Performer } from './perform.js';
import { deviceIds, population } from './population.js';
import type { SwarmProfile } from './profile.js';
import { registerDevices } from './register.js';
import { SharedFiles } from './shared-files.js';
import { Swarm } from './swarm.js';
import { type SwarmEvent, type SwarmReport, swarmReport } from './swarm-report.js';
import { Tally } from './tally.js';
import type { TelemetryLink } from './telemetry-link.js';

/** How devices prove who they are. Values, never shown. */
export type DeviceAccess =
  /** Makes the devices known first, each with a token of its own. */
  | { readonly kind: 'register' }
  | { readonly kind: 'gateway'; readonly token: string }
  /** Token by device: these devices make the swarm. */
  | { readonly kind: 'tokens'; readonly tokens: ReadonlyMap<string, string> };

export interface SwarmOptions {
  /** Address of the server, without a path. */
  readonly server: URL;
  readonly tenant: string;
  readonly devices: number;
  /** What the names of devices begin with. */
  readonly prefix: string;
  readonly profile: SwarmProfile;
  /** Where images and packages of the profile are looked for. */
  readonly profileFolder: string;
  readonly seed: number;
  readonly access: DeviceAccess;
  /** `Authorization` of an operator, to register devices and to post telemetry of all of them. */
  readonly operator: string | undefined;
  /** Absent: packages are downloaded, and their SHA-256 is all that is checked. */
  readonly trust: { readonly anchor: TrustAnchor; readonly allowTestKeys: boolean } | undefined;
  readonly verify: VerifyMode;
  /** Over MQTT as many devices as `connections`; the others post. */
  readonly telemetry:
    | { readonly via: 'none' }
    | { readonly via: 'http' }
    | { readonly via: 'mqtt'; readonly broker: MqttBroker; readonly connections: number };
  /** Requests, and downloads, at the same time. */
  readonly connections: number;
  readonly downloads: number;
  readonly untilIdleMs?: number | undefined;
  readonly durationMs?: number | undefined;
  readonly patienceMs: number;
  readonly http: HttpPolicy;
  readonly time?: Pacing;
  readonly signal: AbortSignal;
  onEvent(event: SwarmEvent): void;
}

/** Installing keeps a core busy; two at a time leave room for requests. */
const INSTALLATIONS = 2;
const CONNECTING = 50;

/**
 * Lets virtual devices live against a server that speaks hawkBit's device API.
 *
 * @returns what became of them, also when `signal` was raised meanwhile
 * @throws OtaError CONFIG_INVALID for credentials that would travel in clear text; as `factoryVersions`;
 *   what registration is refused with; NETWORK_FAILED, AUTHENTICATION_FAILED, HTTP_STATUS where no device is served
 */
export async function runSwarm(options: SwarmOptions): Promise<SwarmReport> {
  const { server, profile, seed, signal, onEvent, time = systemPacing } = options;
  requireSecrecy(options);
  await using open = new ResourceStack();
  const files = open.use(await SharedFiles.open());
  const factory = await factoryVersions(profile, {
    folder: options.profileFolder,
    files,
    trust: options.trust,
    now: time.now(),
  });
  const dispatcher = opened(open, await openDispatcher(options.http, options.connections + options.downloads));
  const tally = new Tally();
  const { ids, tokenOf } = await deviceTokens(options, dispatcher, time);
  const scheme = options.access.kind === 'gateway' ? 'GatewayToken' : 'TargetToken';
  const authorizationOf = (id: string) => `${scheme} ${tokenOf(id)}`;
  const devices = population(ids, { profile, seed }, factory);
  onEvent({ type: 'started', devices: devices.length, seed, server: server.origin });

  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const client = new DdiClient({
    origin: server.origin,
    dispatcher,
    time,
    signal: stop,
    onEnd: (end) => tally.request(end),
  });
  const installer =
    options.trust &&
    new Installer({
      ...options.trust,
      product: profile.product,
      verify: options.verify,
      files,
      tally,
      now: () => time.now(),
      signal: stop,
    });
  const performer = new Performer({
    controllers: new URL(`/${encodeURIComponent(options.tenant)}/controller/v1/`, server),
    product: profile.product,
    authorizationOf,
    client,
    installer,
    files,
    tally,
    time,
    signal: stop,
    gates: {
      requests: new Gate(options.connections),
      downloads: new Gate(options.downloads),
      installations: new Gate(INSTALLATIONS),
    },
  });
  const telemetry = openTelemetry({ options, ids, dispatcher, authorizationOf, tokenOf, tally, time, signal: stop });
  const swarm = new Swarm({
    devices,
    conduct: { profile, seed },
    performer,
    telemetry,
    tally,
    time,
    serverName: server.origin,
    untilIdleMs: options.untilIdleMs,
    durationMs: options.durationMs,
    patienceMs: options.patienceMs,
    signal,
    onEvent,
  });
  try {
    await swarm.live();
  } finally {
    await telemetry?.close();
    over.abort(new OtaError('INTERRUPTED', 'The swarm is over'));
    await swarm.settled();
  }
  const verify = installer === undefined ? 'none' : options.verify;
  return swarmReport(devices, tally, { seed, seconds: swarm.seconds, isInterrupted: signal.aborted, verify });
}

/** A secret in clear text is everybody's secret; only this machine itself is exempt. */
function requireSecrecy({ server }: SwarmOptions): void {
  if (server.protocol === 'https:' || isLoopback(server.hostname)) return;
  throw new OtaError('CONFIG_INVALID', `${server.origin}: tokens of devices are sent over TLS only`, [
    'Use an https:// address.',
  ]);
}

async function deviceTokens(
  options: SwarmOptions,
  dispatcher: Dispatcher,
  time: Pacing,
): Promise<{ ids: readonly string[]; tokenOf(id: string): string }> {
  const { access, devices, prefix, server, operator, signal, onEvent } = options;
  if (access.kind === 'tokens') {
    const ids = [...access.tokens.keys()].slice(0, devices);
    return { ids, tokenOf: (id) => access.tokens.get(id)! };
  }
  const ids = deviceIds(devices, prefix);
  if (access.kind === 'gateway') return { ids, tokenOf: () => access.token };
  if (operator === undefined) {
    throw new OtaError('USAGE', 'Registering devices needs an operator', [
      'Add --token-env NAME, or --username NAME with --password-env NAME.',
    ]);
  }
  const tokens = await registerDevices(ids, {
    server,
    authorization: operator,
    dispatcher,
    time,
    signal,
    onProgress: (registered) => onEvent({ type: 'registered', devices: registered, total: ids.length }),
  });
  return { ids, tokenOf: (id) => tokens.get(id)! };
}

function openTelemetry(context: {
  options: SwarmOptions;
  ids: readonly string[];
  dispatcher: Dispatcher;
  authorizationOf(id: string): string;
  tokenOf(id: string): string;
  tally: Tally;
  time: Pacing;
  signal: AbortSignal;
}): TelemetryLink | undefined {
  const { options, ids, dispatcher, authorizationOf, tokenOf, tally, time, signal } = context;
  const { telemetry, server, tenant, operator } = options;
  if (telemetry.via === 'none') return undefined;
  const all = new URL('/api/v1/telemetry', server);
  const http = new HttpTelemetry({
    // Without an operator each device posts for itself.
    addressOf: (id) =>
      operator === undefined
        ? {
            url: new URL(`/${encodeURIComponent(tenant)}/telemetry/v1/${encodeURIComponent(id)}`, server),
            authorization: authorizationOf(id),
          }
        : { url: all, authorization: operator },
    dispatcher,
    time,
    tally,
    signal,
  });
  if (telemetry.via === 'http') return http;
  const { broker, connections } = telemetry;
  const mqtt = new MqttTelemetry({ broker, tenant, tokenOf, connecting: new Gate(CONNECTING), tally, signal });
  const connected = new Set(ids.slice(0, connections));
  return {
    send: (message) => (connected.has(message.device) ? mqtt : http).send(message),
    flush: () => {
      mqtt.flush();
      http.flush();
    },
    close: async () => {
      await Promise.all([mqtt.close(), http.close()]);
    },
  };
}

function opened(open: ResourceStack, dispatcher: Dispatcher): Dispatcher {
  open.use({ [Symbol.asyncDispose]: () => dispatcher.destroy() });
  return dispatcher;
}
