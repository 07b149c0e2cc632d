import type { IPublishPacket, ISubackPacket, Packet } from 'mqtt-packet';
import { OtaError } from '../core/errors.js';
import type { AttemptFailure } from '../net/attempt-failure.js';
import { repeatAttempts } from '../net/repeated-attempts.js';
import { type RetryLimits, retryDelayMs } from '../net/retry-delay.js';
import type { MqttBroker } from './mqtt-access.js';
import { connectMqtt, type MqttConnection } from './mqtt-connection.js';
import { networkFailure } from './mqtt-failure.js';
import { requestRefused } from './mqtt-reasons.js';

export interface MqttSubscriber {
  /** The name of the session, which the broker keeps. */
  readonly clientId: string;
  readonly filter: string;
  /** What it throws ends the connection. */
  onMessage(packet: IPublishPacket): void;
  /** The connection has ended, and with it the meaning of its packet identifiers. */
  onLost(): void;
}

/** Messages that the broker may send ahead of the acknowledgements. */
export const RECEIVE_MAXIMUM = 16_384;
const REFUSED = 0x80;
const SUBSCRIBE_ID = 1;

/** A subscription with quality of service 1, over one connection after the other. */
export class MqttSubscription {
  readonly #broker: MqttBroker;
  readonly #subscriber: MqttSubscriber;
  #connection: MqttConnection | undefined;
  #loss: AttemptFailure | OtaError | undefined;
  /** Runs until the broker has answered the subscription. */
  #granting: NodeJS.Timeout | undefined;
  #connectedMs = 0;
  /** Connections in a row that ended soon, before anything was acknowledged on them. */
  #fruitless = 0;

  constructor(broker: MqttBroker, subscriber: MqttSubscriber) {
    this.#broker = broker;
    this.#subscriber = subscriber;
  }

  /** The connection has ended, and no other one was made yet. */
  get isLost(): boolean {
    return this.#loss !== undefined;
  }

  /**
   * @returns whether the broker knew the session
   * @throws OtaError AUTHENTICATION_FAILED, BROKER_REFUSED, PERMISSION_DENIED, TLS_FAILED, NETWORK_FAILED,
   *   LIMIT_EXCEEDED
   */
  async open(signal: AbortSignal): Promise<boolean> {
    const { pacing, limits } = this.#broker;
    const retry = { ...this.#retryLimits(), attempts: limits.firstAttempts };
    return await repeatAttempts(() => this.#connectOnce(signal), { limits: retry, pacing, signal });
  }

  /**
   * Connects again after a loss, and waits before that.
   *
   * @returns whether the broker still knew the session
   * @throws OtaError as `open`; the loss itself where another connection would mend nothing
   */
  async reopen(signal: AbortSignal): Promise<boolean> {
    const loss = this.#loss!;
    if (loss instanceof OtaError) throw loss;
    const { pacing } = this.#broker;
    const limits = this.#retryLimits();
    // A broker that lets this client in and throws it out at once must not be asked without end, or without a pause.
    if (this.#fruitless >= limits.attempts) throw loss.reason;
    await pacing.delay(retryDelayMs(this.#fruitless, undefined, limits, pacing), signal);
    return await repeatAttempts(() => this.#connectOnce(signal), { limits, pacing, signal });
  }

  acknowledge(packetIds: readonly number[]): void {
    const connection = this.#connection;
    if (connection === undefined || packetIds.length === 0) return;
    this.#fruitless = 0;
    connection.sendTogether(() => {
      // MQTT 5.0, section 4.6: in the order in which the messages arrived.
      for (const messageId of packetIds) connection.send({ cmd: 'puback', messageId });
    });
  }

  /** Holds the broker back by TCP. */
  pause(): void {
    this.#connection?.pause();
  }

  resume(): void {
    this.#connection?.resume();
  }

  async close(): Promise<void> {
    clearTimeout(this.#granting);
    await this.#connection?.end();
    this.#connection = undefined;
  }

  #retryLimits(): RetryLimits {
    const { attempts, retryDelayMs, retryDelayLimitMs } = this.#broker.limits;
    return { attempts, retryDelayMs, retryAfterLimitMs: retryDelayLimitMs };
  }

  async #connectOnce(signal: AbortSignal): Promise<boolean> {
    this.#loss = undefined;
    const connection = await connectMqtt(
      this.#broker,
      {
        clientId: this.#subscriber.clientId,
        isPersistent: true,
        receiveMaximum: RECEIVE_MAXIMUM,
        onPacket: (packet) => this.#receive(packet),
        onLost: (failure) => this.#lose(failure),
      },
      signal,
    );
    this.#connection = connection;
    this.#connectedMs = this.#broker.pacing.monotonicMs();
    this.#subscribe(connection);
    return connection.isSessionPresent;
  }

  /**
   * Waits for nothing: a broker sends what it has kept before its answer, and that may be more than can be taken
   * before somebody reads.
   */
  #subscribe(connection: MqttConnection): void {
    const { connectTimeoutMs } = this.#broker.limits;
    const silent = networkFailure(this.#broker.name, `no answer to the subscription within ${connectTimeoutMs} ms`);
    const timer = setTimeout(() => {
      if (connection.isPaused) timer.refresh();
      else connection.abandon(silent);
    }, connectTimeoutMs);
    this.#granting = timer;
    // In a session that is there already too: the filter may be another one now. `rh`: retained messages only once.
    const subscriptions = [{ topic: this.#subscriber.filter, qos: 1 as const, rh: 1 }];
    connection.send({ cmd: 'subscribe', messageId: SUBSCRIBE_ID, subscriptions });
  }

  #lose(failure: AttemptFailure | OtaError): void {
    const { pacing, limits } = this.#broker;
    const hasLasted = pacing.monotonicMs() - this.#connectedMs > limits.retryDelayLimitMs;
    this.#fruitless = hasLasted ? 1 : this.#fruitless + 1;
    this.#loss = failure;
    clearTimeout(this.#granting);
    this.#subscriber.onLost();
  }

  #receive(packet: Packet): void {
    if (packet.cmd === 'publish') this.#subscriber.onMessage(packet);
    else if (packet.cmd === 'suback') this.#checkSubscription(packet);
  }

  #checkSubscription({ granted }: ISubackPacket): void {
    const code = Number(granted[0] ?? REFUSED);
    const what = `${this.#broker.name}: the broker refuses to subscribe to ${this.#subscriber.filter}`;
    if (code >= REFUSED) throw requestRefused(code, what);
    if (code === 0) {
      throw new OtaError('BROKER_REFUSED', `${what} with quality of service 1, it grants 0`, [
        'Without acknowledgements messages would be lost; ask the operator of the broker.',
      ]);
    }
    clearTimeout(this.#granting);
  }
}
