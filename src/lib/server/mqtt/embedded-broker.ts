import { once } from 'node:events';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Aedes, type AuthenticateError, type Client } from 'aedes';
import type { IConnectPacket, IPublishPacket } from 'mqtt-packet';
import { MAX_LINE_BYTES } from '../../telemetry/message.js';
import { clientCertificateOf } from '../access/client-certificate.js';
import { addressKey } from '../access/rates.js';
import { audit } from '../audit/audit.js';
import type { ServerContext } from '../context.js';
import { listenFailure } from '../listen-address.js';
import { DeviceEvents } from './device-events.js';
import { MessageBatches } from './message-batches.js';
import { actorOf, isSameIdentity, type MqttIdentity, type MqttLogin, openMqttLogin } from './mqtt-identity.js';
import { mayReceive, maySubscribe, publishRule } from './mqtt-rules.js';

/** A message, its topic, and what stands before them. */
const MAX_PACKET_BYTES = MAX_LINE_BYTES + 64 * 1024 + 16;
const MAX_CONNECT_BYTES = 16 * 1024;
const MAX_CLIENT_ID_LENGTH = 256;
const CONNECT_TIMEOUT_MS = 10_000;
/** A subscriber that takes nothing for so long is cut. */
const DRAIN_TIMEOUT_MS = 30_000;
/** Refusals of one identity that go to the audit log: one in so long, and the count of those between. */
const AUDIT_EVERY_MS = 60_000;

export interface EmbeddedBrokerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer; readonly ca?: Buffer } | undefined;
  readonly maxConnections?: number;
}

export interface RunningBroker extends AsyncDisposable {
  /** `mqtt://127.0.0.1:1883` */
  readonly url: string;
}

/**
 * An MQTT 3.1.1 broker that devices send to and operators listen at.
 *
 * PUBACK means durable: of telemetry in its log, of status and events in the event table. There are no sessions beyond a
 * connection and no retained messages, so what a client left behind never reaches another one: whoever wants what it
 * missed reads the event stream, which can be resumed.
 *
 * @throws OtaError NETWORK_FAILED and others when the port cannot be had
 */
export async function startEmbeddedBroker(
  server: ServerContext,
  { host, port, tls, maxConnections = 20_000 }: EmbeddedBrokerOptions,
): Promise<RunningBroker> {
  const rules = new BrokerRules(server, openMqttLogin(server));
  const aedes = await Aedes.createBroker({
    connectTimeout: CONNECT_TIMEOUT_MS,
    drainTimeout: DRAIN_TIMEOUT_MS,
    maxClientsIdLength: MAX_CLIENT_ID_LENGTH,
    preConnect: (_client, packet, done) => {
      const fault = connectFault(packet);
      // The connection is this long, and so is what it subscribed to.
      packet.clean = true;
      done(fault === undefined ? null : new Error(fault), fault === undefined);
    },
    authenticate: (client, userName, password, done) => void rules.authenticate(client, { userName, password }, done),
    authorizePublish: (client, packet, done) => rules.publish(client, packet, done),
    authorizeSubscribe: (client, subscription, done) => {
      const identity = rules.identityOf(client);
      done(null, identity !== undefined && maySubscribe(identity, subscription.topic) ? subscription : null);
    },
    authorizeForward: (client, packet) => {
      const identity = rules.identityOf(client);
      return identity !== undefined && mayReceive(identity, packet.topic) ? packet : null;
    },
  });
  aedes.on('clientDisconnect', (client) => rules.left(client));
  aedes.on('ping', (_packet, client) => rules.sawSign(client));
  const accept = (socket: Socket) => {
    socket.setNoDelay(true);
    guardPackets(aedes.handle(socket) as unknown as ClientInternals);
  };
  const listener: Server =
    tls === undefined
      ? createTcpServer(accept)
      : createTlsServer(
          { ...tls, ...(tls.ca && { requestCert: true, rejectUnauthorized: false }), minVersion: 'TLSv1.2' },
          accept,
        );
  listener.maxConnections = maxConnections;
  try {
    listener.listen(port, host);
    await once(listener, 'listening');
  } catch (error) {
    aedes.close();
    throw listenFailure(error, { host, port }, '--mqtt');
  }
  const address = listener.address() as { address: string; port: number; family: string };
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `${tls === undefined ? 'mqtt' : 'mqtts'}://${name}:${address.port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(listener, 'close');
      listener.close();
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await closed;
    },
  };
}

/** Row 67 of the refusal catalogue: the library decodes what is no UTF-8 as U+FFFD, and takes NUL. */
function connectFault({ clientId, username }: IConnectPacket): string | undefined {
  if (/[\p{Cc}\uFFFD]/u.test(clientId)) return 'the client id holds control characters or no UTF-8';
  if (clientId.length > MAX_CLIENT_ID_LENGTH) return 'the client id is too long';
  if (username !== undefined && /[\p{Cc}\uFFFD]/u.test(username)) return 'the user name holds control characters';
  return undefined;
}

/** Parts of a client of aedes that it does not declare. */
interface ClientInternals {
  readonly _parser: { parse(bytes: Buffer): number; readonly packet: { readonly length: number } };
  readonly connected: boolean;
  emit(name: 'error', error: Error): void;
}

/** The library would collect a packet of 256 MiB before it looks at it. */
function guardPackets(client: ClientInternals): void {
  const parser = client._parser;
  const parse = parser.parse.bind(parser);
  parser.parse = (bytes) => {
    const left = parse(bytes);
    const most = client.connected ? MAX_PACKET_BYTES : MAX_CONNECT_BYTES;
    if (parser.packet.length > most) client.emit('error', new Error('the packet is too large'));
    return left;
  };
}

type Authenticated = (error: AuthenticateError | null, isAllowed: boolean | null) => void;

/** Who is connected, and what they may do. */
class BrokerRules {
  readonly #server: ServerContext;
  readonly #login: MqttLogin;
  readonly #identities = new WeakMap<Client, MqttIdentity>();
  /** By client id: from its login on, before the library knows it. */
  readonly #holders = new Map<string, { readonly client: Client; readonly identity: MqttIdentity }>();
  readonly #messages: MessageBatches;
  readonly #events: DeviceEvents;
  readonly #refusals = new Map<string, { at: number; unreported: number }>();

  constructor(server: ServerContext, login: MqttLogin) {
    this.#server = server;
    this.#login = login;
    this.#messages = new MessageBatches(server);
    this.#events = new DeviceEvents(server);
  }

  identityOf(client: Client | null): MqttIdentity | undefined {
    return client === null ? undefined : this.#identities.get(client);
  }

  left(client: Client): void {
    if (this.#holders.get(client.id)?.client === client) this.#holders.delete(client.id);
  }

  sawSign(client: Client): void {
    const identity = this.#identities.get(client);
    if (identity?.kind === 'device') this.#server.lastSeen.saw(identity.deviceId, this.#server.clock.now().getTime());
  }

  async authenticate(
    client: Client,
    { userName, password }: { userName: string | undefined; password: Buffer | undefined },
    done: Authenticated,
  ): Promise<void> {
    try {
      const socket = client.conn as Socket;
      const address = socket.remoteAddress ?? '';
      const identity = await this.#login({
        userName: userName ?? '',
        password: password?.toString('utf8') ?? '',
        clientId: client.id,
        certificate: clientCertificateOf(socket),
        address,
      });
      if (identity === undefined) {
        this.#server.access.limits.stranger.take(addressKey(address));
        done(refused(4, 'unknown credentials'), false);
        return;
      }
      // Row 64: whoever took over a client id would end somebody else's connection.
      const holder = this.#holders.get(client.id);
      if (holder !== undefined && !holder.client.closed && !isSameIdentity(identity, holder.identity)) {
        this.#refuse(identity, `client:${client.id}`, 'the client id is in use by somebody else');
        done(refused(2, 'the client id is in use by somebody else'), false);
        return;
      }
      const { _will: will } = client as unknown as { _will?: IPublishPacket };
      const rule = will === undefined ? undefined : publishRule(identity, will);
      if (typeof rule === 'string') {
        this.#refuse(identity, `topic:${will!.topic}`, `will: ${rule}`);
        done(refused(5, `will: ${rule}`), false);
        return;
      }
      this.#holders.set(client.id, { client, identity });
      this.#identities.set(client, identity);
      this.sawSign(client);
      done(null, true);
    } catch (error) {
      this.#server.log.error('a login over MQTT failed', { error: (error as Error).message });
      done(refused(3, 'server unavailable'), false);
    }
  }

  /** Calls back when the message is durable: only then it is acknowledged and passed on. */
  publish(client: Client | null, packet: IPublishPacket, done: (error?: Error | null) => void): void {
    const identity = this.identityOf(client);
    const rule = identity === undefined ? 'unknown client' : publishRule(identity, packet);
    if (identity === undefined || typeof rule === 'string') {
      if (identity !== undefined) this.#refuse(identity, `topic:${packet.topic}`, String(rule));
      done(new Error(String(rule))); // closes the connection: it would send the same for ever
      return;
    }
    this.sawSign(client!);
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
    const message = { device: rule.device, payload, done: (failure: Error | undefined) => done(failure ?? null) };
    if (rule.kind === 'telemetry') this.#messages.add(identity, message);
    else this.#events.add(identity, rule.kind, message);
  }

  /** Rows 63 to 66: into the audit log of whoever tried, once in a while. */
  #refuse(identity: MqttIdentity, object: string, reason: string): void {
    const now = this.#server.clock.now().getTime();
    const actor = actorOf(identity);
    const key = `${identity.tenant.id} ${actor}`;
    const known = this.#refusals.get(key);
    if (known !== undefined && now - known.at < AUDIT_EVERY_MS) {
      known.unreported++;
      return;
    }
    if (this.#refusals.size > 10_000) this.#refusals.clear();
    this.#refusals.set(key, { at: now, unreported: 0 });
    const detail = { reason, ...(known !== undefined && known.unreported > 0 && { before: known.unreported }) };
    const record = { tenantId: identity.tenant.id, actor, action: 'mqtt.refused', object, detail, now };
    this.#server.database
      .transaction((tx) => audit(tx, record))
      .catch((error: Error) => this.#server.log.error('a refusal could not be audited', { error: error.message }));
  }
}

function refused(returnCode: number, message: string): AuthenticateError {
  return Object.assign(new Error(message), { returnCode });
}
