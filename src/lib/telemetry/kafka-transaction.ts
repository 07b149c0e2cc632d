import type { Connection, Reader } from '@platformatic/kafka';
import { type Clock, systemClock } from '../core/clock.js';
import type { KafkaClient, KafkaCluster } from './kafka-cluster.js';
import type { Offsets } from './kafka-fetch.js';
import { encodeBatch, type OutgoingRecord, type ProducerState } from './kafka-records.js';

/** Below the 1,048,588 bytes that a broker accepts as a batch without further configuration. */
const BATCH_BYTES = 900_000;
/** A transaction that nobody ends blocks its readers until the coordinator aborts it. */
const TRANSACTION_TIMEOUT_MS = 60_000;
const ALL_REPLICAS = -1;
const REPLICATION_TIMEOUT_MS = 30_000;
/** The broker recognises repetitions among the last five batches of a producer; so many may be on their way. */
const BATCHES_IN_FLIGHT = 4;

/** Offsets of a consumer group that become valid together with the transaction's messages. */
export interface GroupOffsets {
  readonly group: string;
  readonly topic: string;
  readonly offsets: Offsets;
}

/**
 * A producer whose transactions no other producer of the same transactional id survives: opening it ends what the
 * former one had open, and makes each further request of that one fail.
 */
export interface TransactionalProducer {
  /**
   * Writes messages and group offsets, both or neither of them visible to readers of committed messages. Any failure
   * leaves the transaction unfinished: open a new producer with the id to end it.
   *
   * @returns for each written partition the offset behind its last message
   * @throws OtaError LOCKED when another producer took over
   */
  commit(messages: ReadonlyMap<number, readonly OutgoingRecord[]>, input?: GroupOffsets): Promise<Offsets>;
}

/** Takes a transactional id over. Resolves when no transaction of its former producers is open any more. */
export async function openTransactionalProducer(
  cluster: KafkaCluster,
  { topic, transactionalId, clock = systemClock }: { topic: string; transactionalId: string; clock?: Clock },
  signal?: AbortSignal,
): Promise<TransactionalProducer> {
  const { producerId, producerEpoch: epoch } = await cluster.toCoordinator(
    { kind: 'transaction', key: transactionalId },
    (connection) => cluster.client.initProducerIdV4.api.async(connection, transactionalId, TRANSACTION_TIMEOUT_MS),
    signal,
  );
  return new Producer(cluster, topic, transactionalId, { producerId, epoch }, clock);
}

interface Batch {
  readonly partition: number;
  readonly count: number;
  readonly bytes: Buffer;
}

class Producer implements TransactionalProducer {
  readonly #cluster: KafkaCluster;
  readonly #topic: string;
  readonly #id: string;
  readonly #state: ProducerState;
  readonly #clock: Clock;
  /** Number of the next record, for each partition. */
  readonly #sequences = new Map<number, number>();

  constructor(cluster: KafkaCluster, topic: string, id: string, state: ProducerState, clock: Clock) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#id = id;
    this.#state = state;
    this.#clock = clock;
  }

  async commit(messages: ReadonlyMap<number, readonly OutgoingRecord[]>, input?: GroupOffsets): Promise<Offsets> {
    const partitions = [...messages].filter(([, records]) => records.length > 0);
    if (partitions.length === 0 && input === undefined) return new Map();
    // One after the other: the first one opens the transaction.
    if (partitions.length > 0) await this.#addPartitions(partitions.map(([partition]) => partition));
    const [ends] = await Promise.all([
      Promise.all(
        partitions.map(async ([partition, records]) => [partition, await this.#write(partition, records)] as const),
      ),
      input === undefined ? undefined : this.#commitOffsets(input),
    ]);
    const { producerId, epoch } = this.#state;
    await this.#coordinator((connection) =>
      this.#cluster.client.endTxnV3.api.async(connection, this.#id, producerId, epoch, true),
    );
    return new Map(ends);
  }

  async #addPartitions(partitions: number[]): Promise<void> {
    const { producerId, epoch: producerEpoch } = this.#state;
    const topics = [{ name: this.#topic, partitions }];
    const transaction = { transactionalId: this.#id, producerId, producerEpoch, verifyOnly: false, topics };
    await this.#coordinator((connection) =>
      this.#cluster.client.addPartitionsToTxnV3.api.async(connection, [transaction]),
    );
  }

  async #commitOffsets({ group, topic, offsets }: GroupOffsets): Promise<void> {
    const { client } = this.#cluster;
    const { producerId, epoch } = this.#state;
    await this.#coordinator((connection) =>
      client.addOffsetsToTxnV3.api.async(connection, this.#id, producerId, epoch, group),
    );
    const partitions = [...offsets].map(([partitionIndex, committedOffset]) => ({
      partitionIndex,
      committedOffset,
      committedLeaderEpoch: -1,
    }));
    // No member and no generation: the transactional id of each partition fences former owners.
    await this.#cluster.toCoordinator({ kind: 'group', key: group }, (connection) =>
      client.txnOffsetCommitV3.api.async(connection, this.#id, group, producerId, epoch, -1, '', null, [
        { name: topic, partitions },
      ]),
    );
  }

  async #coordinator<T>(request: (connection: Connection) => Promise<T>): Promise<T> {
    return await this.#cluster.toCoordinator({ kind: 'transaction', key: this.#id }, request);
  }

  /** @returns the offset behind the last record */
  async #write(partition: number, records: readonly OutgoingRecord[]): Promise<bigint> {
    const isFirst = !this.#sequences.has(partition);
    const batches = this.#encode(partition, records);
    let end = -1n;
    while (batches.length > 0) {
      // A broker that does not know the producer yet takes any batch for its first one.
      const flight = batches.splice(0, isFirst && end < 0n ? 1 : BATCHES_IN_FLIGHT);
      // Requests on one connection are handled in order; what fails is repeated in order, one by one.
      const results = await Promise.allSettled(flight.map((batch) => this.#produceOnce(batch)));
      for (const [index, result] of results.entries()) {
        const batch = flight[index]!;
        const offset = result.status === 'fulfilled' ? result.value : await this.#produceAgain(batch);
        end = offset + BigInt(batch.count);
      }
    }
    return end;
  }

  #encode(partition: number, records: readonly OutgoingRecord[]): Batch[] {
    const batches: Batch[] = [];
    const timestampMs = this.#clock.now().getTime();
    let sequence = this.#sequences.get(partition) ?? 0;
    for (let start = 0; start < records.length; ) {
      let bytes = 0;
      let end = start;
      for (; end < records.length; end++) {
        const { id, line } = records[end]!;
        bytes += line.length + 3 * id.length + 32;
        if (bytes > BATCH_BYTES && end > start) break;
      }
      const part = records.slice(start, end);
      const batch = encodeBatch(this.#cluster.client, part, this.#state, sequence, timestampMs);
      batches.push({ partition, count: part.length, bytes: batch });
      sequence = (sequence + part.length) % 2 ** 31;
      start = end;
    }
    this.#sequences.set(partition, sequence);
    return batches;
  }

  async #produceOnce(batch: Batch): Promise<bigint> {
    const at = { topic: this.#topic, partition: batch.partition };
    return await this.#cluster.toLeaderOnce(at, (connection) =>
      produce(this.#cluster.client, connection, this.#topic, this.#id, batch),
    );
  }

  async #produceAgain(batch: Batch): Promise<bigint> {
    const at = { topic: this.#topic, partition: batch.partition };
    return await this.#cluster.toLeader(at, (connection) =>
      produce(this.#cluster.client, connection, this.#topic, this.#id, batch),
    );
  }
}

/** Produce, version 9, with batches that are encoded already. Resolves to the offset of the first record. */
async function produce(
  { createAPI, Writer, ProtocolError }: KafkaClient,
  connection: Connection,
  topic: string,
  transactionalId: string,
  { partition, bytes }: Batch,
): Promise<bigint> {
  const request = () =>
    Writer.create()
      .appendString(transactionalId)
      .appendInt16(ALL_REPLICAS)
      .appendInt32(REPLICATION_TIMEOUT_MS)
      .appendArray([topic], (topics, name) => {
        topics.appendString(name).appendArray([partition], (w) => {
          w.appendInt32(partition)
            .appendUnsignedVarInt(bytes.length + 1)
            .append(bytes);
        });
      })
      .appendTaggedFields();
  const parse = (_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader) => {
    let [errorCode, baseOffset] = [0, -1n];
    reader.readArray((topics) => {
      topics.readString();
      topics.readArray((r) => {
        r.readInt32();
        errorCode = r.readInt16();
        baseOffset = r.readInt64();
        r.readInt64(); // time of the append
        r.readInt64(); // log start
        r.readArray((each) => {
          each.readInt32();
          each.readNullableString();
        });
        r.readNullableString();
      });
    });
    if (errorCode !== 0) throw new ProtocolError(errorCode);
    return baseOffset;
  };
  return await createAPI<[], bigint>(0, 9, request, parse).async(connection);
}
