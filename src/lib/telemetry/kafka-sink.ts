import { OtaError } from '../core/errors.js';
import type { JsonObject } from '../core/strict-json.js';
import { connectKafka, type KafkaClient, type KafkaCluster, type KafkaTopic } from './kafka-cluster.js';
import { fetchCommitted, type Offsets } from './kafka-fetch.js';
import { listOffsets } from './kafka-offsets.js';
import type { KafkaOptions } from './kafka-options.js';
import { isOfTopic, offsetsOf, positionOf } from './kafka-position.js';
import type { OutgoingRecord } from './kafka-records.js';
import { type GroupOffsets, openTransactionalProducer, type TransactionalProducer } from './kafka-transaction.js';
import type { LineChunk } from './line-chunk.js';
import type { AcceptedMessages, InputProgress, RecoverableSink } from './sink.js';

export interface KafkaSinkOptions extends KafkaOptions {
  readonly topic: string;
  /**
   * Of all pipelines that write the topic exactly one has it: a later one with the same id shuts the earlier one out.
   * Without it the sink only reads, and nobody is shut out.
   */
  readonly transactionalId?: string;
  /** Writes and reads just this partition; otherwise each message goes to the partition of its id. */
  readonly partition?: number;
  /** A topic whose group offsets are committed together with the messages that came from it. */
  readonly input?: {
    /** Id of the source. */
    readonly source: string;
    readonly topic: KafkaTopic;
    readonly group: string;
  };
  /** The topic's retention removed output that the store has not seen: how many offsets of a partition. */
  onGap?(partition: number, offsets: number): void;
}

/**
 * Messages as records of a topic: the id is the key, the line the value. Each batch is one transaction, and readers
 * of committed messages see it as a whole or not at all.
 *
 * Opening it aborts what a former process with the same transactional id had not committed.
 *
 * @throws OtaError NETWORK_FAILED, TLS_FAILED, AUTHENTICATION_FAILED, NOT_FOUND
 */
export async function openKafkaSink(options: KafkaSinkOptions): Promise<RecoverableSink> {
  const cluster = await connectKafka(options);
  try {
    const topic = await cluster.topic(options.topic);
    // First of all: only then does the end of the topic stand still.
    const { transactionalId } = options;
    const producer =
      transactionalId === undefined
        ? undefined
        : await openTransactionalProducer(cluster, { topic: options.topic, transactionalId });
    return new TopicSink(cluster, topic, producer, options);
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

class TopicSink implements RecoverableSink {
  readonly id: string;
  readonly guarantee = 'exactly-once';
  readonly #cluster: KafkaCluster;
  readonly #topic: KafkaTopic;
  readonly #producer: TransactionalProducer | undefined;
  readonly #options: KafkaSinkOptions;
  readonly #partitions: readonly number[];
  #end: Offsets | undefined;
  #failure: unknown;

  constructor(
    cluster: KafkaCluster,
    topic: KafkaTopic,
    producer: TransactionalProducer | undefined,
    options: KafkaSinkOptions,
  ) {
    this.id = `kafka:${topic.name}`;
    this.#cluster = cluster;
    this.#topic = topic;
    this.#producer = producer;
    this.#options = options;
    const { partition } = options;
    this.#partitions = partition === undefined ? Array.from({ length: topic.partitions }, (_, at) => at) : [partition];
  }

  async write(messages: AcceptedMessages, input: InputProgress): Promise<JsonObject> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#producer === undefined) throw new TypeError('a sink without a transactional id was asked to write');
    try {
      const before = this.#end ?? (await this.#list('end'));
      const written = await this.#producer.commit(this.#route(messages), this.#groupOffsets(input));
      this.#end = new Map([...before, ...written]);
      return positionOf(this.#topic, this.#end);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  async isEmpty(): Promise<boolean> {
    const [starts, ends] = [await this.#list('start'), await this.#list('end')];
    return this.#partitions.every((partition) => starts.get(partition) === ends.get(partition));
  }

  async end(): Promise<JsonObject> {
    return positionOf(this.#topic, await this.#list('end'));
  }

  async reaches(position: JsonObject): Promise<boolean> {
    if (!isOfTopic(this.#topic, position)) return false;
    const offsets = offsetsOf(this.#topic, position);
    const ends = await this.#list('end');
    return this.#partitions.every((partition) => (offsets.get(partition) ?? 0n) <= ends.get(partition)!);
  }

  async *tail(from: JsonObject | undefined, signal: AbortSignal): AsyncGenerator<LineChunk> {
    const ends = await this.#list('end');
    const starts = await this.#list('start');
    const known: Offsets = from === undefined ? new Map() : offsetsOf(this.#topic, from);
    const next = new Map(
      this.#partitions.map((partition) => {
        const [from, start] = [known.get(partition) ?? 0n, starts.get(partition)!];
        if (known.has(partition) && from < start) this.#options.onGap?.(partition, Number(start - from));
        return [partition, from > start ? from : start];
      }),
    );
    while (true) {
      const open = new Map([...next].filter(([partition, at]) => at < ends.get(partition)!));
      if (open.size === 0) return;
      for (const part of await fetchCommitted(this.#cluster, { topic: this.#topic.name, from: open }, signal)) {
        next.set(part.partition, part.nextOffset);
        if (part.count === 0) continue;
        yield { bytes: part.bytes, firstLine: Number(part.firstOffset) + 1, position: positionOf(this.#topic, next) };
      }
    }
  }

  /** Each transaction ends with a marker that takes an offset, and carries at least one message. */
  async newest(messages: number): Promise<JsonObject | undefined> {
    const [starts, ends] = [await this.#list('start'), await this.#list('end')];
    const span = BigInt(2 * messages);
    const isAll = this.#partitions.every((partition) => ends.get(partition)! - span <= starts.get(partition)!);
    if (isAll) return undefined;
    const from = this.#partitions.map((partition) => {
      const [start, end] = [starts.get(partition)!, ends.get(partition)!];
      return [partition, end - span > start ? end - span : start] as const;
    });
    return positionOf(this.#topic, new Map(from));
  }

  async close(): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]();
  }

  async #list(which: 'start' | 'end'): Promise<Offsets> {
    return await listOffsets(this.#cluster, this.#topic.name, this.#partitions, which);
  }

  #route(messages: AcceptedMessages): Map<number, OutgoingRecord[]> {
    const { partition } = this.#options;
    if (partition !== undefined) return new Map([[partition, [...messages.messages()]]]);
    const routed = new Map<number, OutgoingRecord[]>();
    for (const message of messages.messages()) {
      const at = partitionOf(this.#cluster.client, message.id, this.#topic.partitions);
      const records = routed.get(at);
      if (records === undefined) routed.set(at, [message]);
      else records.push(message);
    }
    return routed;
  }

  #groupOffsets({ source, position }: InputProgress): GroupOffsets | undefined {
    const { input } = this.#options;
    if (input === undefined || position === undefined) return undefined;
    if (source !== input.source)
      throw new OtaError('USAGE', `${source}: is not the input of this output, ${input.source} is`);
    return { group: input.group, topic: input.topic.name, offsets: offsetsOf(input.topic, position) };
  }
}

/** As the Java client does for a record with a key. */
export function partitionOf(client: KafkaClient, key: string, partitions: number): number {
  return (client.murmur2(key) & 0x7fff_ffff) % partitions;
}
