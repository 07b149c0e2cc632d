import { isIP } from 'node:net';
import type { Connection } from '@platformatic/kafka';
import { throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import type { Pacing } from '../net/pacing.js';
import { isPassing, isUnknownTopic, kafkaErrorNames, kafkaFailure } from './kafka-failure.js';
import { brokerAddress, DEFAULT_PATIENCE_MS, type KafkaOptions, pacingOf } from './kafka-options.js';

/** The client library: its protocol and its connections. Its consumer hands out records of aborted transactions. */
export type KafkaClient = typeof import('@platformatic/kafka');

/** Requests that the broker holds back (fetch, join) go over connections of their own, or all others would wait behind them. */
export type KafkaLane = 'prompt' | 'waiting';

export interface KafkaTopic {
  readonly name: string;
  /** Another one after the topic was deleted and made again. */
  readonly id: string;
  readonly partitions: number;
}

type Request<T> = (connection: Connection) => Promise<T>;

/** Connections to the brokers of one cluster; each request finds the broker that answers it, again and again if need be. */
export interface KafkaCluster extends AsyncDisposable {
  readonly client: KafkaClient;
  /** @throws OtaError NOT_FOUND */
  topic(name: string, signal?: AbortSignal): Promise<KafkaTopic>;
  leaderOf(topic: string, partition: number, signal?: AbortSignal): Promise<number>;
  /** Asks anew which brokers lead the topic's partitions before the next request. */
  forgetLeaders(topic: string): void;
  /** Sends a request to the leader of a partition until it succeeds, cannot succeed, or patience ends. */
  toLeader<T>(at: LeaderAddress, request: Request<T>, signal?: AbortSignal): Promise<T>;
  /** One attempt of the same. */
  toLeaderOnce<T>(at: LeaderAddress, request: Request<T>): Promise<T>;
  /** The same for the coordinator of a group or of a transactional id. */
  toCoordinator<T>(at: CoordinatorAddress, request: Request<T>, signal?: AbortSignal): Promise<T>;
}

export interface LeaderAddress {
  readonly topic: string;
  readonly partition: number;
  readonly lane?: KafkaLane;
}

export interface CoordinatorAddress {
  readonly kind: 'group' | 'transaction';
  readonly key: string;
  readonly lane?: KafkaLane;
}

const REQUEST_TIMEOUT_MS = 30_000;
/** A broker holds a join back for as long as the rebalance may take. */
const WAITING_TIMEOUT_MS = 120_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** How long a topic that was never seen may be unknown before it is taken for missing. */
const NEW_BROKER_MS = 5_000;

/**
 * Reaches a cluster. The first contact is tried once with each broker: a wrong address is told at once.
 *
 * @throws OtaError NETWORK_FAILED, TLS_FAILED, AUTHENTICATION_FAILED
 */
export async function connectKafka(options: KafkaOptions, signal?: AbortSignal): Promise<KafkaCluster> {
  const client = await import('@platformatic/kafka');
  const cluster = new Cluster(client, options);
  try {
    throwIfAborted(signal);
    await cluster.refresh([]);
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw kafkaFailure(error, `kafka ${options.brokers.join(',')}`);
  }
  return cluster;
}

class Cluster implements KafkaCluster {
  readonly client: KafkaClient;
  readonly #options: KafkaOptions;
  readonly #connections = new Map<string, Promise<Connection>>();
  /** `host:port` by the brokers' numbers. */
  #brokers = new Map<number, string>();
  readonly #topics = new Map<string, KafkaTopic & { readonly leaders: ReadonlyMap<number, number> }>();
  readonly #coordinators = new Map<string, number>();
  #hasKnownTopics = false;
  #isClosed = false;

  constructor(client: KafkaClient, options: KafkaOptions) {
    this.client = client;
    this.#options = options;
  }

  async topic(name: string, signal?: AbortSignal): Promise<KafkaTopic> {
    return await this.#patiently(`kafka topic ${name}`, () => this.#known(name), signal);
  }

  async leaderOf(topic: string, partition: number, signal?: AbortSignal): Promise<number> {
    return await this.#patiently(`kafka topic ${topic}`, () => this.#leader(topic, partition), signal);
  }

  forgetLeaders(topic: string): void {
    this.#topics.delete(topic);
  }

  async toLeader<T>({ topic, partition, lane = 'prompt' }: LeaderAddress, request: Request<T>, signal?: AbortSignal) {
    return await this.#patiently(
      `kafka topic ${topic}, partition ${partition}`,
      () => this.toLeaderOnce({ topic, partition, lane }, request),
      signal,
      () => this.forgetLeaders(topic),
    );
  }

  async toLeaderOnce<T>({ topic, partition, lane = 'prompt' }: LeaderAddress, request: Request<T>) {
    return await request(await this.#connection(await this.#leader(topic, partition), lane));
  }

  async toCoordinator<T>(
    { kind, key, lane = 'prompt' }: CoordinatorAddress,
    request: Request<T>,
    signal?: AbortSignal,
  ) {
    const name = `${kind}:${key}`;
    return await this.#patiently(
      `kafka ${kind === 'group' ? 'group' : 'transactional id'} ${key}`,
      async () => {
        const known = this.#coordinators.get(name) ?? (await this.#findCoordinator(kind, key));
        this.#coordinators.set(name, known);
        return await request(await this.#connection(known, lane));
      },
      signal,
      (error) => {
        if (!kafkaErrorNames(error).includes('CONCURRENT_TRANSACTIONS')) this.#coordinators.delete(name);
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const open = await Promise.allSettled(this.#connections.values());
    await Promise.all(open.map(async (each) => (each.status === 'fulfilled' ? await each.value.close() : undefined)));
  }

  /** Asks any broker for the brokers and for these topics. */
  async refresh(topics: string[]): Promise<void> {
    const { brokers, topics: found } = await this.#any((connection) =>
      this.client.metadataV12.api.async(connection, topics, false, false),
    );
    this.#brokers = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, address(host, port)]));
    for (const { name, topicId, partitions } of found) {
      if (name === null || name === undefined) continue;
      const leaders = new Map(partitions.map(({ partitionIndex, leaderId }) => [partitionIndex, leaderId]));
      this.#hasKnownTopics = true;
      this.#topics.set(name, { name, id: topicId, partitions: partitions.length, leaders });
    }
  }

  /** A broker that has just started knows no topics for a moment. */
  get #unknownTopicMs(): number {
    return this.#hasKnownTopics ? Number.POSITIVE_INFINITY : NEW_BROKER_MS;
  }

  async #known(topic: string) {
    if (!this.#topics.has(topic)) await this.refresh([topic]);
    const known = this.#topics.get(topic);
    if (known === undefined) throw new OtaError('NOT_FOUND', `kafka topic ${topic}: the cluster has no such topic`);
    return known;
  }

  async #leader(topic: string, partition: number): Promise<number> {
    const { partitions, leaders } = await this.#known(topic);
    const leader = leaders.get(partition);
    if (leader === undefined) {
      throw new OtaError(
        'NOT_FOUND',
        `kafka topic ${topic}: has ${partitions} partitions, none with number ${partition}`,
      );
    }
    return leader;
  }

  async #findCoordinator(kind: 'group' | 'transaction', key: string): Promise<number> {
    const keyType = this.client.FindCoordinatorKeyTypes[kind === 'group' ? 'GROUP' : 'TRANSACTION'];
    const { coordinators } = await this.#any((connection) =>
      this.client.findCoordinatorV4.api.async(connection, keyType, [key]),
    );
    const found = coordinators[0];
    if (found === undefined)
      throw new OtaError('BROKER_REFUSED', `kafka ${kind} ${key}: the cluster names no coordinator`);
    this.#brokers.set(found.nodeId, address(found.host, found.port));
    return found.nodeId;
  }

  /** The first of the known and the given brokers that answers. */
  async #any<T>(request: Request<T>): Promise<T> {
    const failures: unknown[] = [];
    for (const name of new Set([...this.#brokers.values(), ...this.#options.brokers])) {
      try {
        return await request(await this.#open(name, 'prompt'));
      } catch (error) {
        if (!isPassing(error)) throw error;
        failures.push(error);
      }
    }
    throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'no broker answers');
  }

  async #connection(broker: number, lane: KafkaLane): Promise<Connection> {
    const name = this.#brokers.get(broker);
    if (name === undefined) {
      await this.refresh([]);
      throw new this.client.NetworkError(`broker ${broker} is not known at the moment`);
    }
    return await this.#open(name, lane);
  }

  async #open(name: string, lane: KafkaLane): Promise<Connection> {
    if (this.#isClosed) throw new OtaError('INTERRUPTED', 'kafka: closed while a request was waiting');
    const key = `${lane} ${name}`;
    const open = this.#connections.get(key) ?? this.#connect(name, lane);
    this.#connections.set(key, open);
    const forget = () => {
      if (this.#connections.get(key) === open) this.#connections.delete(key);
    };
    try {
      const connection = await open;
      if (connection.isConnected()) return connection;
    } catch (error) {
      forget();
      throw error;
    }
    forget();
    return await this.#open(name, lane);
  }

  async #connect(name: string, lane: KafkaLane): Promise<Connection> {
    const { sasl, tls, clientId } = this.#options;
    const { host, port } = brokerAddress(name);
    const connection = new this.client.Connection(clientId, {
      connectTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: lane === 'prompt' ? REQUEST_TIMEOUT_MS : WAITING_TIMEOUT_MS,
      ...(sasl === undefined ? {} : { sasl }),
      ...(tls === undefined ? {} : { tls, tlsServerName: isIP(host) === 0 }),
    });
    // Each request in flight is told of a lost connection; an event that nobody hears would end the process.
    connection.on('error', () => {});
    await connection.connect(host, port);
    return connection;
  }

  async #patiently<T>(
    what: string,
    attempt: () => Promise<T>,
    signal: AbortSignal | undefined,
    forget: (error: unknown) => void = () => {},
  ): Promise<T> {
    const { patienceMs = DEFAULT_PATIENCE_MS } = this.#options;
    const pacing = pacingOf(this.#options);
    const startMs = pacing.monotonicMs();
    for (let count = 0; ; count++) {
      throwIfAborted(signal);
      try {
        return await attempt();
      } catch (error) {
        const isUnknown = isUnknownTopic(error);
        const longestMs = isUnknown ? Math.min(patienceMs, this.#unknownTopicMs) : patienceMs;
        if (!(isUnknown || isPassing(error)) || this.#isClosed) throw kafkaFailure(error, what);
        forget(error);
        if (pacing.monotonicMs() - startMs > longestMs) throw kafkaFailure(error, what);
        const firstMs = kafkaErrorNames(error).includes('CONCURRENT_TRANSACTIONS') ? 1 : 20;
        await pause(firstMs * 2 ** count, pacing, signal);
      }
    }
  }
}

const LONGEST_PAUSE_MS = 1000;

/** With jitter: the members of a group do not return in step. */
async function pause(durationMs: number, pacing: Pacing, signal: AbortSignal | undefined): Promise<void> {
  try {
    await pacing.delay(Math.min(LONGEST_PAUSE_MS, durationMs) * (0.5 + pacing.random() / 2), signal);
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}

function address(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
