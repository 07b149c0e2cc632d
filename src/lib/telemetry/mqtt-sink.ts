import type { Packet } from 'mqtt-packet';
import { abortError, throwIfAborted } from '../core/abort.js';
import { formatByteSize } from '../core/byte-size.js';
import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import type { AttemptFailure } from '../net/attempt-failure.js';
import { repeatAttempts } from '../net/repeated-attempts.js';
import type { MqttEndpoint } from './endpoint.js';
import { type MqttAccess, type MqttBroker, mqttBroker } from './mqtt-access.js';
import { connectMqtt, type MqttConnection } from './mqtt-connection.js';
import { networkFailure } from './mqtt-failure.js';
import { requestRefused } from './mqtt-reasons.js';
import { mqttTopics } from './mqtt-topic.js';
import type { AcceptedMessages, Sink } from './sink.js';

/** Messages that may wait for their acknowledgement, where the broker allows as many. */
const IN_FLIGHT = 1_024;
const MAX_PACKET_ID = 65_535;
/** Of a PUBLISH with one property at most, beside topic and message, bytes. */
const PACKET_OVERHEAD_BYTES = 16;
const REFUSED = 0x80;

interface Publication {
  readonly topic: string;
  readonly payload: Buffer;
}

/**
 * Publishes messages with quality of service 1, each with its line as payload. A write resolves when the broker has
 * acknowledged all of them: at least once, since what was on its way when a connection ends is published again.
 *
 * @param endpoint its topic may hold placeholders (mqtt-topic.ts)
 * @throws OtaError CONFIG_INVALID
 */
export async function openMqttSink(endpoint: MqttEndpoint, access: MqttAccess = {}): Promise<Sink> {
  return new MqttSink(await mqttBroker(endpoint, access), endpoint);
}

class MqttSink implements Sink {
  readonly id: string;
  readonly guarantee = 'at-least-once';
  readonly #broker: MqttBroker;
  readonly #clientId: string;
  readonly #topics: ReturnType<typeof mqttTopics>;
  /** By packet identifier, in the order of publishing. */
  readonly #inFlight = new Map<number, Publication>();
  /** Those that were in flight when a connection ended. */
  readonly #again: Publication[] = [];
  #packetId = 0;
  #connection: MqttConnection | undefined;
  #loss: AttemptFailure | OtaError | undefined;
  #failure: unknown;
  #wake: () => void = () => {};

  constructor(broker: MqttBroker, { topic, clientId = '' }: MqttEndpoint) {
    this.id = `${broker.name}/${topic}`;
    this.#broker = broker;
    this.#clientId = clientId;
    this.#topics = mqttTopics(topic);
  }

  async write(messages: AcceptedMessages, _input: unknown, signal: AbortSignal): Promise<undefined> {
    if (this.#failure !== undefined) throw this.#failure;
    if (messages.count === 0) return;
    const publications = this.#publications(messages);
    const { pacing, limits } = this.#broker;
    const { retryDelayMs, retryDelayLimitMs } = limits;
    const attempts = this.#connection === undefined ? limits.firstAttempts : limits.attempts;
    const retry = { attempts, retryDelayMs, retryAfterLimitMs: retryDelayLimitMs };
    try {
      await repeatAttempts(() => this.#publishAll(publications, signal), { limits: retry, pacing, signal });
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#connection?.end();
  }

  *#publications(messages: AcceptedMessages): Generator<Publication> {
    const { isFixed, topicOf } = this.#topics;
    const fixed = topicOf({});
    for (const { line } of messages.messages()) {
      const payload = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
      yield { topic: isFixed ? fixed : topicOf(JSON.parse(payload.toString())), payload };
    }
  }

  /** Publishes what is not acknowledged yet, then what was not taken from `publications` yet. */
  async #publishAll(publications: Iterator<Publication>, signal: AbortSignal): Promise<void> {
    const connection = await this.#connected(signal);
    const { acknowledgeTimeoutMs } = this.#broker.limits;
    const fact = `the broker has acknowledged nothing for ${acknowledgeTimeoutMs} ms`;
    const silence = setTimeout(() => connection.abandon(networkFailure(this.#broker.name, fact)), acknowledgeTimeoutMs);
    const onAbort = () => connection.abandon(abortError(signal));
    signal.addEventListener('abort', onAbort);
    try {
      while (this.#loss === undefined) {
        if (this.#fill(connection, publications) && this.#inFlight.size === 0) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
        silence.refresh();
      }
      throw this.#loss;
    } finally {
      clearTimeout(silence);
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #connected(signal: AbortSignal): Promise<MqttConnection> {
    throwIfAborted(signal);
    if (this.#connection !== undefined && this.#loss === undefined) return this.#connection;
    if (this.#loss instanceof OtaError) throw this.#loss;
    this.#loss = undefined;
    this.#again.push(...this.#inFlight.values());
    this.#inFlight.clear();
    this.#connection = await connectMqtt(
      this.#broker,
      {
        clientId: this.#clientId,
        isPersistent: false,
        receiveMaximum: 1,
        onPacket: (packet) => this.#receive(packet),
        onDrain: () => this.#wake(),
        onLost: (failure) => {
          this.#loss = failure;
          this.#wake();
        },
      },
      signal,
    );
    return this.#connection;
  }

  /** Publishes as much as the broker takes now; returns whether that was the last. */
  #fill(connection: MqttConnection, publications: Iterator<Publication>): boolean {
    const limit = Math.min(connection.sendMaximum, IN_FLIGHT);
    let isLast = false;
    connection.sendTogether(() => {
      while (!isLast && this.#inFlight.size < limit && !connection.isCongested) {
        const publication = this.#again.shift() ?? publications.next().value;
        if (publication === undefined) isLast = true;
        else this.#publish(connection, publication);
      }
    });
    return isLast;
  }

  #publish(connection: MqttConnection, { topic, payload }: Publication): void {
    const bytes = payload.length + Buffer.byteLength(topic) + PACKET_OVERHEAD_BYTES;
    if (bytes > connection.sendBytes) {
      const limit = formatByteSize(connection.sendBytes);
      throw new OtaError(
        'LIMIT_EXCEEDED',
        `${this.#broker.name}: a message has ${payload.length} bytes, the broker takes packets of at most ${limit}`,
        ['Raise the limit of the broker.'],
      );
    }
    do this.#packetId = (this.#packetId % MAX_PACKET_ID) + 1;
    while (this.#inFlight.has(this.#packetId));
    this.#inFlight.set(this.#packetId, { topic, payload });
    connection.send({ cmd: 'publish', messageId: this.#packetId, topic, payload, qos: 1, dup: false, retain: false });
  }

  #receive(packet: Packet): void {
    if (packet.cmd !== 'puback') return;
    const publication = this.#inFlight.get(packet.messageId ?? 0);
    if (publication === undefined) {
      throw networkFailure(this.#broker.name, 'the broker acknowledges a message that it was not sent');
    }
    const reason = packet.reasonCode ?? 0;
    if (reason >= REFUSED) {
      const topic = escapeText(publication.topic);
      throw requestRefused(reason, `${this.#broker.name}: the broker refuses a message to ${topic}`);
    }
    this.#inFlight.delete(packet.messageId!);
    this.#wake();
  }
}
