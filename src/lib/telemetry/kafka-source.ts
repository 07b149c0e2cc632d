import { OtaError } from '../core/errors.js';
import type { JsonObject } from '../core/strict-json.js';
import { connectKafka, type KafkaCluster, type KafkaTopic } from './kafka-cluster.js';
import { type FetchedLines, fetchCommitted, type Offsets } from './kafka-fetch.js';
import { commitGroupOffsets, groupOffsets, listOffsets } from './kafka-offsets.js';
import type { KafkaOptions } from './kafka-options.js';
import { offsetsOf, positionOf } from './kafka-position.js';
import type { LineChunk } from './line-chunk.js';
import type { ReadLimits, Source } from './source.js';

export interface KafkaSourceOptions extends KafkaOptions {
  readonly topic: string;
  /** All where missing. */
  readonly partitions?: readonly number[];
  /** The consumer group whose offsets tell how far this source has come: without a checkpoint it goes on there. */
  readonly group?: string;
  /**
   * The sink commits the group's offsets together with its messages (kafka-sink.ts). They are then at least as new
   * as any checkpoint, and what lies before them came out: the source goes on at the later one of both.
   */
  readonly isCommittedBySink?: boolean;
  /** `start` reads the topic from its beginning although the group has offsets. */
  readonly from?: 'group' | 'start';
  /** Ends where the topic ended when reading began, instead of waiting for more. */
  readonly untilEnd?: boolean;
}

export interface KafkaSource extends Source {
  /**
   * Records whose key is not their message id. Duplicates are found among the messages of one partition: whoever
   * writes the topic has to give every repetition of a message the same key.
   */
  misrouted(): number;
}

/**
 * Committed messages of a topic, one line for each record.
 *
 * @throws OtaError NETWORK_FAILED, TLS_FAILED, AUTHENTICATION_FAILED, NOT_FOUND
 */
export async function openKafkaSource(options: KafkaSourceOptions): Promise<KafkaSource> {
  const cluster = await connectKafka(options);
  try {
    const topic = await cluster.topic(options.topic);
    return new TopicSource(cluster, topic, options);
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

class TopicSource implements KafkaSource {
  readonly id: string;
  readonly recovery = 'position';
  readonly isLive: boolean;
  readonly #cluster: KafkaCluster;
  readonly #topic: KafkaTopic;
  readonly #options: KafkaSourceOptions;
  readonly #partitions: readonly number[];
  #misrouted = 0;
  /** Messages behind the last fetch, by partition. */
  readonly #lag = new Map<number, number>();

  constructor(cluster: KafkaCluster, topic: KafkaTopic, options: KafkaSourceOptions) {
    this.id = `kafka:${topic.name}${options.partitions === undefined ? '' : `#${options.partitions.join(',')}`}`;
    this.isLive = options.untilEnd !== true;
    this.#cluster = cluster;
    this.#topic = topic;
    this.#options = options;
    this.#partitions = options.partitions ?? Array.from({ length: topic.partitions }, (_, index) => index);
  }

  async *read(from: JsonObject | undefined, signal: AbortSignal, limits?: ReadLimits): AsyncGenerator<LineChunk> {
    const { name } = this.#topic;
    const ends = this.isLive ? undefined : await listOffsets(this.#cluster, name, this.#partitions, 'end', signal);
    const next = new Map(await this.#start(from, signal));
    const done = new Map(next);
    const open = () => new Map([...next].filter(([partition, at]) => ends === undefined || at < ends.get(partition)!));
    const fetch = () => {
      const fetched = fetchCommitted(this.#cluster, { topic: name, from: open(), ...limits }, signal);
      fetched.catch(() => {}); // reported where it is awaited
      return fetched;
    };
    let ahead = fetch();
    while (true) {
      let parts: FetchedLines[];
      try {
        parts = await ahead;
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      for (const { partition, nextOffset } of parts) next.set(partition, nextOffset);
      const isEnd = open().size === 0;
      if (!isEnd) ahead = fetch();
      for (const part of parts) {
        done.set(part.partition, part.nextOffset);
        this.#misrouted += part.misrouted;
        this.#lag.set(part.partition, Math.max(0, Number(part.stableOffset - part.nextOffset)));
        if (part.count === 0) continue;
        const position = positionOf(this.#topic, done);
        yield { bytes: part.bytes, firstLine: Number(part.firstOffset) + 1, position };
        if (signal.aborted) return;
      }
      if (isEnd) return;
    }
  }

  async committed(position: JsonObject): Promise<void> {
    const { group, isCommittedBySink } = this.#options;
    if (group === undefined || isCommittedBySink === true) return;
    await commitGroupOffsets(this.#cluster, group, this.#topic.name, offsetsOf(this.#topic, position));
  }

  lag(): { amount: number; unit: 'messages' } | undefined {
    if (this.#lag.size === 0) return undefined;
    return { amount: [...this.#lag.values()].reduce((sum, each) => sum + each, 0), unit: 'messages' };
  }

  misrouted(): number {
    return this.#misrouted;
  }

  async close(): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]();
  }

  async #start(from: JsonObject | undefined, signal: AbortSignal): Promise<Offsets> {
    const { group, isCommittedBySink } = this.#options;
    const { name } = this.#topic;
    const checkpoint: Offsets = from === undefined ? new Map() : offsetsOf(this.#topic, from);
    const usesGroup = group !== undefined && this.#options.from !== 'start';
    const committed: Offsets = usesGroup
      ? await groupOffsets(this.#cluster, group, name, this.#partitions, signal)
      : new Map();
    const starts = await listOffsets(this.#cluster, name, this.#partitions, 'start', signal);
    return new Map(
      this.#partitions.map((partition) => {
        const [known, grouped, start] = [checkpoint.get(partition), committed.get(partition), starts.get(partition)!];
        const at =
          known === undefined || (isCommittedBySink === true && grouped !== undefined && grouped > known)
            ? (grouped ?? start)
            : known;
        if (at >= start) return [partition, at];
        throw new OtaError(
          'CHECKPOINT_MISMATCH',
          `kafka topic ${name}, partition ${partition}: was read up to offset ${at}, but begins at ${start} now`,
          ['The retention of the topic removed messages that were not read: raise it; then begin with a new group.'],
        );
      }),
    );
  }
}
