import { createHash } from 'node:crypto';
import type { IPublishPacket } from 'mqtt-packet';
import * as z from 'zod/mini';
import { checkSchema } from '../core/schema.js';
import type { JsonObject } from '../core/strict-json.js';
import type { MqttEndpoint } from './endpoint.js';
import { LineBuffer } from './line-buffer.js';
import type { LineChunk } from './line-chunk.js';
import { Linger, type LingerTimes } from './linger.js';
import { type MqttAccess, type MqttBroker, mqttBroker } from './mqtt-access.js';
import { networkFailure } from './mqtt-failure.js';
import { MqttSubscription, RECEIVE_MAXIMUM } from './mqtt-subscription.js';
import type { Source } from './source.js';
import { Unacknowledged } from './unacknowledged.js';

export interface MqttSourceOptions extends MqttAccess {
  /** Something that the user should know and that stops nothing. */
  onWarning?(code: string, message: string): void;
}

/** A chunk is as good as ready with so many messages or bytes; beyond the bytes the broker is held back. */
const CHUNK_LINES = 4_096;
const CHUNK_BYTES = 4 * 1024 * 1024;
const LINGER: LingerTimes = { longestMs: 100, pauseMs: 3 };

const position = z.strictObject({ delivered: z.int().check(z.minimum(0)) });

/**
 * Messages of a topic, subscribed with quality of service 1 in a session that the broker keeps: what was not
 * acknowledged is sent again, to this connection's successor or to the next process under the same client name.
 * A message is acknowledged by `committed` alone. Positions count messages: `{delivered: 1200}`.
 *
 * @throws OtaError CONFIG_INVALID
 */
export async function openMqttSource(endpoint: MqttEndpoint, options: MqttSourceOptions = {}): Promise<Source> {
  return new MqttSource(await mqttBroker(endpoint, options), endpoint, options);
}

class MqttSource implements Source {
  readonly id: string;
  readonly recovery = 'redelivery';
  readonly isLive = true;
  readonly #broker: MqttBroker;
  readonly #subscription: MqttSubscription;
  readonly #lines = new LineBuffer();
  readonly #linger: Linger;
  readonly #unacknowledged = new Unacknowledged();
  readonly #warn: (code: string, message: string) => void;
  /** Messages that have arrived, those of former runs included. */
  #delivered = 0;
  #isDue = false;
  #wake: () => void = () => {};
  #hasWarned = false;

  constructor(broker: MqttBroker, endpoint: MqttEndpoint, options: MqttSourceOptions) {
    const { topic, clientId = defaultClientId(`${broker.name}/${topic}`) } = endpoint;
    this.id = `${broker.name}/${topic}?client=${clientId}`;
    this.#broker = broker;
    this.#linger = new Linger(LINGER, broker.pacing, () => this.#due());
    this.#warn = (code, message) => options.onWarning?.(code, message);
    this.#subscription = new MqttSubscription(broker, {
      clientId,
      filter: topic,
      onMessage: (packet) => this.#add(packet),
      onLost: () => {
        this.#unacknowledged.clear();
        this.#wake();
      },
    });
  }

  async *read(from: JsonObject | undefined, signal: AbortSignal): AsyncGenerator<LineChunk> {
    this.#delivered = from === undefined ? 0 : this.#deliveredAt(from);
    const onAbort = () => this.#wake();
    signal.addEventListener('abort', onAbort);
    try {
      const isKnown = await this.#subscription.open(signal);
      if (from !== undefined && !isKnown) this.#warnOfLostSession();
      while (!signal.aborted) {
        const { isLost } = this.#subscription;
        if (this.#lines.lines > 0 && (this.#isDue || isLost)) yield this.#chunk();
        else if (isLost) await this.#reopen(signal);
        else await this.#somethingNew();
      }
    } catch (error) {
      if (!signal.aborted) throw error; // else it was a wait that the signal has ended
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async committed(upTo: JsonObject): Promise<void> {
    this.#subscription.acknowledge(this.#unacknowledged.takeUpTo(this.#deliveredAt(upTo)));
    if (!this.#isFull()) this.#subscription.resume();
  }

  /** Brokers do not tell how much they hold. */
  lag(): undefined {
    return undefined;
  }

  async close(): Promise<void> {
    this.#linger.restart();
    await this.#subscription.close();
  }

  #deliveredAt(place: JsonObject): number {
    return checkSchema(position, place, { code: 'CHECKPOINT_MISMATCH', name: this.id }).delivered;
  }

  async #reopen(signal: AbortSignal): Promise<void> {
    if (!(await this.#subscription.reopen(signal))) this.#warnOfLostSession();
  }

  /** No failure: whoever waited for a person here would lose what comes from now on, too. */
  #warnOfLostSession(): void {
    const fact = 'the broker has forgotten this client, and what it held for it may be lost; does it keep sessions?';
    this.#warn('SESSION_LOST', `${this.#broker.name}: ${fact}`);
  }

  #chunk(): LineChunk {
    const firstLine = this.#delivered - this.#lines.lines + 1;
    const bytes = this.#lines.take();
    this.#isDue = false;
    this.#linger.restart();
    if (!this.#isFull()) this.#subscription.resume();
    return { bytes, firstLine, position: { delivered: this.#delivered } };
  }

  /**
   * The broker is not left to count alone: MQTT 3.1.1 knows no Receive Maximum, and Mosquitto 2.0.11 exceeds it once
   * acknowledgements come in bursts, until there are two messages with one packet identifier.
   */
  #isFull(): boolean {
    return this.#lines.byteLength >= CHUNK_BYTES || this.#unacknowledged.size >= RECEIVE_MAXIMUM;
  }

  async #somethingNew(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }

  #due(): void {
    this.#isDue = true;
    this.#wake();
  }

  #add({ qos, messageId = 0, payload }: IPublishPacket): void {
    const { name } = this.#broker;
    if (qos === 0) this.#warnOfLoss();
    else if (qos === 2) throw networkFailure(name, 'a message came with a quality of service not asked for');
    else if (messageId < 1) throw networkFailure(name, 'a message came without a packet identifier');
    this.#delivered++;
    if (qos === 1) this.#unacknowledged.add(this.#delivered, messageId);
    this.#lines.add(payload as Buffer);
    if (this.#isFull()) this.#subscription.pause();
    if (this.#lines.lines >= CHUNK_LINES || this.#lines.byteLength >= CHUNK_BYTES) this.#due();
    else this.#linger.touch();
  }

  #warnOfLoss(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const fact = 'messages are published with quality of service 0: those in hand when a process dies are lost';
    this.#warn('UNACKNOWLEDGED', `${this.id}: ${fact}`);
  }
}

/** The same for every run on the same topic, and short enough for each broker (MQTT 3.1.1, section 3.1.3.1). */
function defaultClientId(topic: string): string {
  return `otafleet${createHash('sha256').update(topic).digest('hex').slice(0, 15)}`;
}
