import type { Packet } from 'mqtt-packet';
import { OtaError } from '../core/errors.js';
import type { AttemptFailure } from '../net/attempt-failure.js';
import type { MqttBroker } from '../telemetry/mqtt-access.js';
import { connectMqtt, type MqttConnection } from '../telemetry/mqtt-connection.js';
import { deviceTopic } from '../wire/telemetry.js';
import type { Gate } from './gate.js';
import type { Tally } from './tally.js';
import type { TelemetryLink } from './telemetry-link.js';
import type { DeviceMessage } from './telemetry-message.js';

export interface MqttTelemetryOptions {
  broker: MqttBroker;
  tenant: string;
  tokenOf(device: string): string;
  /** Of connections that are being opened at the same time. */
  connecting: Gate;
  tally: Tally;
  signal: AbortSignal;
}

/** Messages of one device that may wait for their acknowledgement; the oldest go first. */
const MAX_WAITING = 64;
const MAX_PACKET_ID = 65_535;
const REFUSED = 0x80;
/** After a connection failed, longer each time, up to this. */
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
const CLOSE_MS = 5000;
const CLOSE_ATTEMPTS = 3;

/** One connection for each device, as in the field: opened with its first message, and again with a later one. */
export class MqttTelemetry implements TelemetryLink {
  readonly #options: MqttTelemetryOptions;
  readonly #senders = new Map<string, DeviceSender>();

  constructor(options: MqttTelemetryOptions) {
    this.#options = options;
  }

  send(message: DeviceMessage): void {
    const { device } = message;
    const sender = this.#senders.get(device) ?? new DeviceSender(device, this.#options);
    this.#senders.set(device, sender);
    sender.send(message);
  }

  flush(): void {
    for (const sender of this.#senders.values()) sender.reconnect();
  }

  async close(): Promise<void> {
    const { broker } = this.#options;
    const giveUp = new AbortController();
    const tooLong = broker.pacing.delay(CLOSE_MS, giveUp.signal).catch(() => {});
    await Promise.race([Promise.all([...this.#senders.values()].map((sender) => sender.acknowledged())), tooLong]);
    giveUp.abort();
    await Promise.all([...this.#senders.values()].map((sender) => sender.end()));
  }
}

/** Publishes with quality of service 1; what nobody acknowledged is published again on the next connection. */
class DeviceSender {
  readonly #device: string;
  readonly #options: MqttTelemetryOptions;
  readonly #broker: MqttBroker;
  /** By packet identifier; those that were not published on this connection yet have none. */
  readonly #inFlight = new Map<number, DeviceMessage>();
  #waiting: DeviceMessage[] = [];
  #connection: MqttConnection | 'opening' | undefined;
  #packetId = 0;
  #failures = 0;
  #notBeforeMs = 0;
  /** Everything is acknowledged, or the connection is lost. */
  #onChange: () => void = () => {};

  constructor(device: string, options: MqttTelemetryOptions) {
    const { broker, tenant, tokenOf } = options;
    this.#device = device;
    this.#options = options;
    this.#broker = { ...broker, username: `${tenant}/${device}`, password: tokenOf(device) };
  }

  send(message: DeviceMessage): void {
    this.#waiting.push(message);
    if (this.#waiting.length + this.#inFlight.size > MAX_WAITING) {
      this.#options.tally.telemetry.dropped++;
      const [oldest] = this.#inFlight.keys();
      if (oldest === undefined) this.#waiting.shift();
      else this.#inFlight.delete(oldest);
    }
    if (this.#connection instanceof Object) this.#publishWaiting(this.#connection);
    else this.reconnect();
  }

  reconnect(): void {
    if (this.#connection !== undefined || this.#waiting.length === 0) return;
    if (this.#broker.pacing.monotonicMs() < this.#notBeforeMs) return;
    this.#connection = 'opening';
    const { connecting, signal } = this.#options;
    void connecting.run(() => this.#connect(signal));
  }

  /** Resolves when nothing waits for an acknowledgement, or the broker cannot be reached. */
  async acknowledged(): Promise<void> {
    for (let attempt = 0; attempt < CLOSE_ATTEMPTS; attempt++) {
      if (this.#inFlight.size + this.#waiting.length === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onChange = resolve;
      this.#notBeforeMs = 0;
      this.reconnect();
      await promise;
    }
  }

  async end(): Promise<void> {
    if (this.#connection instanceof Object) await this.#connection.end();
  }

  async #connect(signal: AbortSignal): Promise<void> {
    try {
      const connection = await connectMqtt(
        this.#broker,
        {
          clientId: `${this.#options.tenant}/${this.#device}`,
          isPersistent: false,
          receiveMaximum: 1,
          onPacket: (packet) => this.#receive(packet),
          onLost: (failure) => this.#lost(failure),
        },
        signal,
      );
      this.#connection = connection;
      this.#failures = 0;
      this.#publishWaiting(connection);
    } catch (error) {
      this.#lost(error);
    }
  }

  #lost(error: AttemptFailure | OtaError | unknown): void {
    this.#connection = undefined;
    const { tally, signal } = this.#options;
    if (signal.aborted) return;
    const { code } = error instanceof OtaError ? error : (error as AttemptFailure).reason;
    tally.error(`mqtt: ${code}`);
    tally.telemetry.repeated += this.#inFlight.size;
    this.#waiting = [...this.#inFlight.values(), ...this.#waiting];
    this.#inFlight.clear();
    const { pacing } = this.#broker;
    const longestMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LONGEST_RETRY_MS);
    this.#notBeforeMs = pacing.monotonicMs() + pacing.random() * longestMs;
    this.#onChange();
  }

  #publishWaiting(connection: MqttConnection): void {
    const messages = this.#waiting;
    this.#waiting = [];
    connection.sendTogether(() => {
      for (const message of messages) this.#publish(connection, message);
    });
  }

  #publish(connection: MqttConnection, message: DeviceMessage): void {
    do this.#packetId = (this.#packetId % MAX_PACKET_ID) + 1;
    while (this.#inFlight.has(this.#packetId));
    this.#inFlight.set(this.#packetId, message);
    const { device, kind, line } = message;
    const topic = deviceTopic({ tenant: this.#options.tenant, device, kind });
    const payload = Buffer.from(line);
    connection.send({ cmd: 'publish', messageId: this.#packetId, topic, payload, qos: 1, dup: false, retain: false });
  }

  #receive(packet: Packet): void {
    if (packet.cmd !== 'puback' || !this.#inFlight.delete(packet.messageId ?? 0)) return;
    const { tally } = this.#options;
    if ((packet.reasonCode ?? 0) < REFUSED) tally.telemetry.acknowledged++;
    else {
      tally.error(`mqtt: puback ${packet.reasonCode}`);
      tally.telemetry.dropped++;
    }
    if (this.#inFlight.size + this.#waiting.length === 0) this.#onChange();
  }
}
