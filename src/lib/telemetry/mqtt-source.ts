import { createHash } from 'node:crypto';
import type { IPublishPacket, ISubackPacket, Packet } from 'mqtt-packet';
import * as z from 'zod/mini';
import { throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import type { JsonObject } from '../core/strict-json.js';
import type { AttemptFailure } from '../net/attempt-failure.js';
import { repeatAttempts } from '../net/repeated-attempts.js';
import { type RetryLimits, retryDelayMs } from '../net/retry-delay.js';
import type { MqttEndpoint } from './endpoint.js';
import { LineBuffer } from './line-buffer.js';
import type { LineChunk } from './line-chunk.js';
import { Linger, type LingerTimes } from './linger.js';
import { type MqttAccess, type MqttBroker, mqttBroker } from './mqtt-access.js';
import { connectMqtt, type MqttConnection, networkFailure } from './mqtt-connection.js';
import { requestRefused } from './mqtt-reasons.js';
import type { Source } from './source.js';
import { Unacknowledged } from './unacknowledged.js';

export interface MqttSourceOptions extends MqttAccess {
  linger?: LingerTimes | undefined;
  /** Something that the user should know and that stops nothing. */
  onWarning?(code: string, message: string): void;
}

/** Messages that the broker may send ahead of the acknowledgements. */
const RECEIVE_MAXIMUM = 16_384;
/** More cannot be waiting for an acknowledgement: packet identifiers have 16 bits. */
const PACKET_IDS = 65_535;
/** A chunk is as good as ready with so many messages or bytes; beyond the bytes the broker is held back. */
const CHUNK_LINES = 4_096;
const CHUNK_BYTES = 4 * 1024 * 1024;
const DEFAULT_LINGER: LingerTimes = { longestMs: 100, pauseMs: 3 };
const REFUSED = 0x80;
const SUBSCRIBE_ID = 1;

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
  readonly #filter: string;
  readonly #clientId: string;
  readonly #options: MqttSourceOptions;
  readonly #lines = new LineBuffer();
  readonly #linger: Linger;
  readonly #unacknowledged = new Unacknowledged();
  #connection: MqttConnection | undefined;
  /** Why the connection ended, until another one is made. */
  #loss: AttemptFailure | OtaError | undefined;
  #subscribed: PromiseWithResolvers<void> | undefined;
  /** Messages that have arrived, those of former runs included. */
  #delivered = 0;
  #connectedMs = 0;
  /** Connections in a row that ended soon, before anything was acknowledged on them. */
  #fruitless = 0;
  #isDue = false;
  #wake: () => void = () => {};
  #hasWarned = false;

  constructor(broker: MqttBroker, endpoint: MqttEndpoint, options: MqttSourceOptions) {
    this.#broker = broker;
    this.#filter = endpoint.topic;
    this.#clientId = endpoint.clientId ?? defaultClientId(`${broker.name}/${endpoint.topic}`);
    this.id = `${broker.name}/${endpoint.topic}?client=${this.#clientId}`;
    this.#options = options;
    this.#linger = new Linger(options.linger ?? DEFAULT_LINGER, broker.pacing, () => this.#due());
  }

  async *read(from: JsonObject | undefined, signal: AbortSignal): AsyncGenerator<LineChunk> {
    this.#delivered = from === undefined ? 0 : this.#deliveredAt(from);
    const onAbort = () => this.#wake();
    signal.addEventListener('abort', onAbort);
    try {
      await this.#connect(from !== undefined, signal);
      while (!signal.aborted) {
        if (this.#lines.lines > 0 && (this.#isDue || this.#loss !== undefined)) yield this.#chunk();
        else if (this.#loss !== undefined) await this.#reconnect(this.#loss, signal);
        else await this.#somethingNew();
      }
    } catch (error) {
      if (!signal.aborted) throw error; // else it was a wait that the signal has ended
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async committed(upTo: JsonObject): Promise<void> {
    const connection = this.#connection;
    const packetIds = this.#unacknowledged.takeUpTo(this.#deliveredAt(upTo));
    if (packetIds.length > 0) this.#fruitless = 0;
    connection?.sendTogether(() => {
      // MQTT 5.0, section 4.6: in the order in which the messages arrived.
      for (const messageId of packetIds) connection.send({ cmd: 'puback', messageId });
    });
  }

  /** Brokers do not tell how much they hold. */
  lag(): undefined {
    return undefined;
  }

  async close(): Promise<void> {
    this.#linger.restart();
    await this.#connection?.end();
    this.#connection = undefined;
  }

  #deliveredAt(place: JsonObject): number {
    return checkSchema(position, place, { code: 'CHECKPOINT_MISMATCH', name: this.id }).delivered;
  }

  #chunk(): LineChunk {
    const firstLine = this.#delivered - this.#lines.lines + 1;
    const bytes = this.#lines.take();
    this.#isDue = false;
    this.#linger.restart();
    this.#connection?.resume();
    return { bytes, firstLine, position: { delivered: this.#delivered } };
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

  async #connect(needsSession: boolean, signal: AbortSignal): Promise<void> {
    const { limits, pacing } = this.#broker;
    const retry = { ...this.#retryLimits(), attempts: limits.firstAttempts };
    await repeatAttempts(() => this.#connectOnce(needsSession, signal), { limits: retry, pacing, signal });
  }

  async #reconnect(loss: AttemptFailure | OtaError, signal: AbortSignal): Promise<void> {
    if (loss instanceof OtaError) throw loss;
    const { pacing } = this.#broker;
    const limits = this.#retryLimits();
    // A broker that lets this client in and throws it out at once must not be asked without end, or without a pause.
    if (this.#fruitless >= limits.attempts) throw loss.reason;
    await pacing.delay(retryDelayMs(this.#fruitless, undefined, limits, pacing), signal);
    await repeatAttempts(() => this.#connectOnce(false, signal), { limits, pacing, signal });
    if (this.#connection!.isSessionPresent) return;
    const fact = 'the broker has forgotten this client: what it held for it may be lost';
    this.#options.onWarning?.('session-lost', `${this.#broker.name}: ${fact}`);
  }

  #retryLimits(): RetryLimits {
    const { attempts, retryDelayMs, retryDelayLimitMs } = this.#broker.limits;
    return { attempts, retryDelayMs, retryAfterLimitMs: retryDelayLimitMs };
  }

  async #connectOnce(needsSession: boolean, signal: AbortSignal): Promise<void> {
    this.#loss = undefined;
    this.#subscribed = Promise.withResolvers<void>();
    this.#subscribed.promise.catch(() => {}); // also told to whoever waits below, if anybody does
    const connection = await connectMqtt(
      this.#broker,
      {
        clientId: this.#clientId,
        isPersistent: true,
        receiveMaximum: RECEIVE_MAXIMUM,
        onPacket: (packet) => this.#receive(packet),
        onLost: (failure) => this.#lose(failure),
      },
      signal,
    );
    if (needsSession && !connection.isSessionPresent) {
      await connection.end();
      await this.#forgetSession(signal);
      throw this.#sessionMissing();
    }
    this.#connection = connection;
    this.#connectedMs = this.#broker.pacing.monotonicMs();
    await this.#subscribe(connection, signal);
  }

  async #subscribe(connection: MqttConnection, signal: AbortSignal): Promise<void> {
    const { connectTimeoutMs } = this.#broker.limits;
    const silent = networkFailure(this.#broker.name, `no answer to the subscription within ${connectTimeoutMs} ms`);
    const timer = setTimeout(() => connection.abandon(silent), connectTimeoutMs);
    const onAbort = () => this.#subscribed!.reject(signal.reason);
    signal.addEventListener('abort', onAbort);
    // In a session that is there already too: the filter may be another one now. `rh`: retained messages only once.
    const subscriptions = [{ topic: this.#filter, qos: 1 as const, rh: 1 }];
    connection.send({ cmd: 'subscribe', messageId: SUBSCRIBE_ID, subscriptions });
    try {
      await this.#subscribed!.promise;
    } catch (error) {
      throwIfAborted(signal);
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** The attempt to go on has made a session: a second attempt would find it, and miss the messages in silence. */
  async #forgetSession(signal: AbortSignal): Promise<void> {
    const client = { clientId: this.#clientId, isPersistent: false, receiveMaximum: 1, onPacket() {}, onLost() {} };
    const connection = await connectMqtt(this.#broker, client, signal);
    await connection.end();
  }

  #sessionMissing(): OtaError {
    const fact = `the broker knows no client ${this.#clientId}, the checkpoint is of one with ${this.#delivered} messages`;
    return new OtaError('CHECKPOINT_MISMATCH', `${this.#broker.name}: ${fact}`, [
      'What the broker held for it may be lost: check that the broker keeps sessions (persistence true of Mosquitto).',
      'Run with --no-from-checkpoint to begin a new session.',
    ]);
  }

  #lose(failure: AttemptFailure | OtaError): void {
    this.#unacknowledged.clear();
    this.#loss = failure;
    const { pacing, limits } = this.#broker;
    const hasLasted = pacing.monotonicMs() - this.#connectedMs > limits.retryDelayLimitMs;
    this.#fruitless = hasLasted ? 1 : this.#fruitless + 1;
    this.#subscribed?.reject(failure);
    this.#wake();
  }

  #receive(packet: Packet): void {
    if (packet.cmd === 'publish') this.#add(packet);
    else if (packet.cmd === 'suback') this.#checkSubscription(packet);
  }

  #checkSubscription({ granted }: ISubackPacket): void {
    const code = Number(granted[0] ?? REFUSED);
    const what = `${this.#broker.name}: the broker refuses to subscribe to ${this.#filter}`;
    if (code >= REFUSED) throw requestRefused(code, what);
    if (code === 0) {
      throw new OtaError('BROKER_REFUSED', `${what} with quality of service 1, it grants 0`, [
        'Without acknowledgements messages would be lost; ask the operator of the broker.',
      ]);
    }
    this.#subscribed?.resolve();
  }

  #add({ qos, messageId = 0, payload }: IPublishPacket): void {
    if (qos === 0) this.#warnOfLoss();
    else if (qos === 2 || messageId < 1)
      throw this.#violation('a message came with a quality of service not asked for');
    else if (this.#unacknowledged.size >= PACKET_IDS) throw this.#violation('a packet identifier came twice');
    this.#delivered++;
    if (qos === 1) this.#unacknowledged.add(this.#delivered, messageId);
    this.#lines.add(payload as Buffer);
    if (this.#lines.byteLength >= CHUNK_BYTES) this.#connection?.pause();
    if (this.#lines.lines >= CHUNK_LINES || this.#lines.byteLength >= CHUNK_BYTES) this.#due();
    else this.#linger.touch();
  }

  #warnOfLoss(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#options.onWarning?.(
      'unacknowledged-messages',
      `${this.id}: messages are published with quality of service 0: those in hand when a process dies are lost`,
    );
  }

  #violation(fact: string): AttemptFailure {
    return networkFailure(this.#broker.name, fact);
  }
}

/** The same for every run on the same topic, and short enough for each broker (MQTT 3.1.1, section 3.1.3.1). */
function defaultClientId(topic: string): string {
  return `otafleet${createHash('sha256').update(topic).digest('hex').slice(0, 15)}`;
}
