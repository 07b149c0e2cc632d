import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import { generate, type IConnackPacket, type Packet, type Parser, parser } from 'mqtt-packet';
import { abortError, throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { AttemptFailure } from '../net/attempt-failure.js';
import type { MqttBroker } from './mqtt-access.js';
import { acknowledgesNothing, networkFailure, noMqtt, packetTooLarge, socketFailure } from './mqtt-failure.js';
import { connackReason, connectionRefused, disconnected, refusesVersion } from './mqtt-reasons.js';

export interface MqttClient {
  /** Empty: the broker chooses one. */
  readonly clientId: string;
  /** Whether the broker is to keep what this client has not acknowledged when the connection ends. */
  readonly isPersistent: boolean;
  /** Most messages that the broker may send without an acknowledgement, 1 to 65535; only MQTT 5.0 tells it. */
  readonly receiveMaximum: number;
  /** Everything but signs of life. What it throws ends the connection. */
  onPacket(packet: Packet): void;
  /** What was sent has left this process, after `isCongested`. */
  onDrain?(): void;
  /** Once, when an open connection ends otherwise than by `end`. */
  onLost(failure: AttemptFailure | OtaError): void;
}

type Version = 4 | 5;

const MAX_IDS = 65_535;
const NEVER_EXPIRES = 0xffffffff;
/** Bytes that may wait to be sent before the connection counts as congested. */
const CONGESTED_BYTES = 1024 * 1024;

/**
 * One connection to a broker, from the socket to the packets: MQTT 5.0, or 3.1.1 where the broker refuses that.
 *
 * mqtt.js, whose codec is used here, hands out a message only once the one before has been acknowledged, and does not
 * even answer signs of life meanwhile. Thousands of messages that wait for one durable commit need the packets themselves.
 *
 * @throws AttemptFailure for what another attempt may mend
 * @throws OtaError AUTHENTICATION_FAILED, BROKER_REFUSED, TLS_FAILED, or what `signal` was raised with
 */
export async function connectMqtt(
  broker: MqttBroker,
  client: MqttClient,
  signal: AbortSignal,
): Promise<MqttConnection> {
  throwIfAborted(signal);
  const connection = await new MqttConnection(broker, client, 5).open(signal);
  return connection ?? (await new MqttConnection(broker, client, 4).open(signal))!;
}

export class MqttConnection {
  /** Whether the broker has kept a session of this client. */
  isSessionPresent = false;
  /** Messages that the broker takes without having acknowledged any. */
  sendMaximum = MAX_IDS;
  /** Largest packet that the broker takes, bytes. */
  sendBytes = Number.POSITIVE_INFINITY;
  readonly #broker: MqttBroker;
  readonly #client: MqttClient;
  readonly #version: Version;
  readonly #socket: Socket;
  readonly #parser: Parser;
  readonly #opened = Promise.withResolvers<MqttConnection | undefined>();
  readonly #closed = Promise.withResolvers<void>();
  #state: 'connecting' | 'open' | 'ending' | 'over' = 'connecting';
  #silentTicks = 0;
  #lifeSigns: NodeJS.Timeout | undefined;

  constructor(broker: MqttBroker, client: MqttClient, version: Version) {
    this.#broker = broker;
    this.#client = client;
    this.#version = version;
    this.#parser = parser({ protocolVersion: version });
    this.#parser.on('packet', (packet) => this.#receive(packet));
    this.#parser.on('error', () => this.#fail(noMqtt(this.#broker.name, 'what the broker sent is no MQTT')));
    this.#socket = openSocket(broker);
    this.#socket.setNoDelay(true);
    this.#socket.on(broker.isTls ? 'secureConnect' : 'connect', () => this.#greet());
    this.#socket.on('data', (bytes: Buffer) => this.#parse(bytes));
    this.#socket.on('drain', () => client.onDrain?.());
    this.#socket.on('error', (error) => this.#fail(socketFailure(error, broker.name)));
    this.#socket.on('close', () => {
      this.#fail(networkFailure(this.#broker.name, 'the broker closed the connection'));
      this.#closed.resolve();
    });
  }

  /** Resolves to itself when the broker has let the client in, to undefined when it does not speak this version. */
  async open(signal: AbortSignal): Promise<MqttConnection | undefined> {
    const { connectTimeoutMs } = this.#broker.limits;
    const fact = `no answer from the broker within ${connectTimeoutMs} ms`;
    const timer = setTimeout(() => this.#fail(networkFailure(this.#broker.name, fact)), connectTimeoutMs);
    const onAbort = () => this.#fail(abortError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await this.#opened.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  send(packet: Packet): void {
    if (this.#state !== 'open') return;
    this.#socket.write(generate(packet, { protocolVersion: this.#version }));
  }

  /** Sends many packets with as few system calls as possible. */
  sendTogether(send: () => void): void {
    this.#socket.cork();
    try {
      send();
    } finally {
      this.#socket.uncork();
    }
  }

  get isCongested(): boolean {
    return this.#socket.writableLength > CONGESTED_BYTES;
  }

  /** Stops reading: the broker is held back by TCP. What has been read still arrives. */
  pause(): void {
    this.#socket.pause();
  }

  get isPaused(): boolean {
    return this.#socket.isPaused();
  }

  resume(): void {
    this.#silentTicks = 0;
    this.#socket.resume();
  }

  /** Gives up, for a reason that the protocol does not show. */
  abandon(failure: AttemptFailure | OtaError): void {
    this.#fail(failure);
  }

  /** Says good-bye once everything sent has left, and waits for the broker to hang up. */
  async end(): Promise<void> {
    if (this.#state !== 'open') return;
    this.send({ cmd: 'disconnect', reasonCode: 0 });
    this.#state = 'ending';
    clearInterval(this.#lifeSigns);
    // A socket that is closed while something lies unread in it resets the connection, and what was sent last is lost.
    this.#socket.resume();
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), this.#broker.limits.closeTimeoutMs);
    await this.#closed.promise;
    clearTimeout(timer);
    this.#state = 'over';
  }

  #greet(): void {
    const { username, password, limits } = this.#broker;
    const { clientId, isPersistent, receiveMaximum } = this.#client;
    const packet: Packet = {
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: this.#version,
      clientId,
      clean: !isPersistent,
      keepalive: Math.min(Math.ceil(limits.silenceMs / 1000), MAX_IDS),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password: Buffer.from(password) }),
      properties: {
        sessionExpiryInterval: isPersistent ? NEVER_EXPIRES : 0,
        receiveMaximum,
        maximumPacketSize: limits.packetBytes,
      },
    };
    this.#socket.write(generate(packet, { protocolVersion: this.#version }));
  }

  #parse(bytes: Buffer): void {
    if (this.#state === 'over' || this.#state === 'ending') return;
    this.#silentTicks = 0;
    try {
      // A packet is collected until it is whole, and may announce 256 MiB.
      const heldBytes = this.#parser.parse(bytes);
      if (heldBytes > this.#broker.limits.packetBytes)
        this.#fail(packetTooLarge(this.#broker.name, this.#broker.limits.packetBytes));
    } catch (failure) {
      const isOurs = failure instanceof AttemptFailure || failure instanceof OtaError;
      this.#fail(isOurs ? failure : noMqtt(this.#broker.name, 'what the broker sent is no MQTT'));
    }
  }

  #receive(packet: Packet): void {
    if (this.#state === 'connecting') {
      if (packet.cmd !== 'connack')
        this.#fail(noMqtt(this.#broker.name, `the broker answers CONNECT with ${packet.cmd}`));
      else this.#admit(packet);
    } else if (this.#state === 'open') {
      if (packet.cmd === 'disconnect') this.#fail(disconnected(packet.reasonCode ?? 0, this.#broker.name));
      else if (packet.cmd !== 'pingresp') this.#client.onPacket(packet);
    }
  }

  #admit(packet: IConnackPacket): void {
    const reason = connackReason(packet);
    if (refusesVersion(reason) && this.#version === 5) {
      this.#state = 'over';
      this.#socket.destroy();
      this.#opened.resolve(undefined);
      return;
    }
    if (reason !== 0) this.#fail(connectionRefused(reason, this.#broker.name));
    else if (packet.properties?.maximumQoS === 0) this.#fail(acknowledgesNothing(this.#broker.name));
    else this.#open(packet);
  }

  #open({ sessionPresent, properties = {} }: IConnackPacket): void {
    this.isSessionPresent = sessionPresent;
    this.sendMaximum = properties.receiveMaximum || MAX_IDS;
    this.sendBytes = properties.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    const { silenceMs } = this.#broker.limits;
    const periodMs = Math.min(silenceMs, (properties.serverKeepAlive || Number.POSITIVE_INFINITY) * 1000) / 3;
    this.#lifeSigns = setInterval(() => this.#askForLife(), periodMs);
    this.#state = 'open';
    this.#opened.resolve(this);
  }

  #askForLife(): void {
    this.#silentTicks += this.isPaused ? 0 : 1;
    if (this.#silentTicks > 3) this.#fail(networkFailure(this.#broker.name, 'the broker is silent'));
    else this.send({ cmd: 'pingreq' });
  }

  #fail(failure: AttemptFailure | OtaError): void {
    const state = this.#state;
    if (state === 'over' || state === 'ending') return;
    this.#state = 'over';
    clearInterval(this.#lifeSigns);
    this.#socket.destroy();
    if (state === 'connecting') this.#opened.reject(failure);
    else this.#client.onLost(failure);
  }
}

function openSocket({ host, port, isTls, authorities }: MqttBroker): Socket {
  if (!isTls) return net.connect({ host, port });
  return tls.connect({
    host,
    port,
    minVersion: 'TLSv1.2',
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...(authorities === undefined ? {} : { ca: authorities }),
  });
}
