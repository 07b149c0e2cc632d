import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';
import { Aedes } from 'aedes';
import { generate, type IConnectPacket, type Packet, parser } from 'mqtt-packet';
import type { MqttEndpoint } from '../../../src/lib/telemetry/endpoint.js';
import type { MqttAccess } from '../../../src/lib/telemetry/mqtt-access.js';

/** A broker on an ephemeral port of this machine. */
interface TestBroker extends AsyncDisposable {
  readonly port: number;
  endpoint(topic: string, options?: Partial<MqttEndpoint>): MqttEndpoint;
  /** Ends every connection without a word. */
  disconnectAll(): void;
}

async function listen(onSocket: (socket: Socket) => void, certificate?: tls.TlsOptions): Promise<TestBroker> {
  const sockets = new Set<Socket>();
  const accept = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    onSocket(socket);
  };
  const server = certificate ? tls.createServer(certificate, accept) : net.createServer(accept);
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const disconnectAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    endpoint: (topic, options) => ({
      kind: 'mqtt',
      host: certificate ? 'localhost' : '127.0.0.1',
      port,
      isTls: certificate !== undefined,
      topic,
      ...options,
    }),
    disconnectAll,
    async [Symbol.asyncDispose]() {
      disconnectAll();
      server.close();
      await once(server, 'close');
    },
  };
}

interface AedesBroker extends TestBroker {
  readonly aedes: Aedes;
  /** Resolves with the first subscription. */
  readonly subscribed: Promise<unknown>;
}

/** A real broker of MQTT 3.1.1 that keeps sessions in memory. */
export async function serveAedes(certificate?: tls.TlsOptions): Promise<AedesBroker> {
  const aedes = await Aedes.createBroker();
  const subscribed = once(aedes, 'subscribe');
  const broker = await listen((socket) => aedes.handle(socket), certificate);
  return {
    ...broker,
    aedes,
    subscribed,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => aedes.close(resolve));
      await broker[Symbol.asyncDispose]();
    },
  };
}

/** One connection as a scripted broker sees it. */
export interface Peer {
  /** Of this broker, from 1. */
  readonly number: number;
  readonly socket: Socket;
  readonly connect: IConnectPacket;
  send(packet: Packet): void;
}

export interface Script {
  /** Answers CONNECT; by default the client is let in, and known after its first connection. */
  onConnect?(peer: Peer): void;
  /** Whether subscriptions are granted and pings answered; both by default. */
  readonly grants?: boolean;
  readonly answersPings?: boolean;
  /** Everything but CONNECT, after that. */
  onPacket?(packet: Packet, peer: Peer): void;
}

/** A broker that does what a test tells it, in MQTT 5.0 unless the client begins otherwise. */
export async function serveScript(
  script: Script,
): Promise<TestBroker & { received: Packet[]; connections: () => number }> {
  const received: Packet[] = [];
  let connections = 0;
  const broker = await listen((socket) => {
    const input = parser({});
    const number = ++connections;
    let peer: Peer | undefined;
    input.on('packet', (packet) => {
      received.push(packet);
      if (packet.cmd === 'connect') {
        const options = { protocolVersion: packet.protocolVersion };
        peer = { number, socket, connect: packet, send: (answer) => socket.write(generate(answer, options)) };
        if (script.onConnect) script.onConnect(peer);
        else letIn(peer, { sessionPresent: number > 1 });
      } else {
        if (packet.cmd === 'subscribe' && script.grants !== false) grant(packet.messageId!, peer!);
        else if (packet.cmd === 'pingreq' && script.answersPings !== false) peer!.send({ cmd: 'pingresp' });
        else if (packet.cmd === 'disconnect') socket.end();
        script.onPacket?.(packet, peer!);
      }
    });
    socket.on('data', (bytes: Buffer) => input.parse(bytes));
  });
  return { ...broker, received, connections: () => connections };
}

export function letIn(
  peer: Peer,
  { sessionPresent = false, properties = {} }: { sessionPresent?: boolean; properties?: object } = {},
): void {
  peer.send({ cmd: 'connack', sessionPresent, reasonCode: 0, returnCode: 0, properties });
}

function grant(messageId: number, peer: Peer): void {
  peer.send({ cmd: 'suback', messageId, granted: [1] });
}

export function publication(messageId: number, payload: string | Buffer): Packet {
  return { cmd: 'publish', topic: 'fleet/a', payload, qos: 1, dup: false, retain: false, messageId };
}

/** No real wait between attempts, short waits for brokers that are silent. */
export function impatient(limits: MqttAccess['limits'] = {}): MqttAccess & { delaysMs: number[] } {
  const delaysMs: number[] = [];
  return {
    delaysMs,
    limits: { connectTimeoutMs: 5_000, attempts: 4, firstAttempts: 3, ...limits },
    pacing: {
      monotonicMs: () => performance.now(),
      now: () => new Date(),
      delay: async (durationMs, signal) => {
        signal?.throwIfAborted();
        delaysMs.push(durationMs);
        await new Promise(setImmediate);
      },
      random: () => 0.5,
    },
  };
}
