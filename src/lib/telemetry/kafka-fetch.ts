import type { Connection, Reader } from '@platformatic/kafka';
import { OtaError } from '../core/errors.js';
import type { KafkaClient, KafkaCluster } from './kafka-cluster.js';
import { isPassing } from './kafka-failure.js';
import { type CommittedLines, committedLines, type FetchedRecords } from './kafka-records.js';

/** Of one partition in one answer: a transaction costs a few milliseconds, so it should carry thousands of messages. */
const PARTITION_BYTES = 4 << 20;
const ANSWER_BYTES = 16 << 20;
/** How long the broker may wait for the first message. */
const WAIT_MS = 100;
const READ_COMMITTED = 1;

/** Offsets by partition. */
export type Offsets = ReadonlyMap<number, bigint>;

export interface FetchedLines extends CommittedLines {
  readonly partition: number;
  /** Where the readable part of the partition ends: before the oldest open transaction. */
  readonly stableOffset: bigint;
}

interface FetchedPartition extends FetchedRecords {
  readonly partition: number;
  readonly errorCode: number;
  readonly stableOffset: bigint;
}

/** What to fetch: from where in each partition, and how large a part of the answer may be. */
export interface FetchRequest {
  readonly topic: string;
  readonly from: Offsets;
  readonly maxChunkBytes?: number;
}

/**
 * Fetches once from each partition and returns what was there, as committed lines, each partition's in order.
 * Waits a moment where there is nothing; a partition that changes its leader is left out.
 *
 * @throws OtaError CHECKPOINT_MISMATCH when the topic no longer has an offset
 */
export async function fetchCommitted(
  cluster: KafkaCluster,
  request: FetchRequest,
  signal: AbortSignal,
): Promise<FetchedLines[]> {
  const { topic, from } = request;
  const byLeader = new Map<number, number[]>();
  for (const partition of from.keys()) {
    const leader = await cluster.leaderOf(topic, partition, signal);
    byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition]);
  }
  const answers = await Promise.all(
    [...byLeader.values()].map((partitions) => fetchFrom(cluster, partitions, request, signal)),
  );
  return answers.flat();
}

async function fetchFrom(
  cluster: KafkaCluster,
  partitions: number[],
  { topic, from, maxChunkBytes = PARTITION_BYTES }: FetchRequest,
  signal: AbortSignal,
): Promise<FetchedLines[]> {
  const { client } = cluster;
  const request = { topic, from, partitions, partitionBytes: Math.min(PARTITION_BYTES, maxChunkBytes) };
  const fetched = await cluster.toLeader(
    { topic, partition: partitions[0]!, lane: 'waiting' },
    async (connection) => {
      const answer = await send(client, connection, request);
      const failures = answer
        .filter(({ errorCode }) => errorCode !== 0)
        .map((each) => failureOf(client, each, request));
      const fatal = failures.find((failure) => !isPassing(failure));
      if (fatal !== undefined) throw fatal;
      if (failures.length === answer.length) throw failures[0];
      if (failures.length > 0) cluster.forgetLeaders(topic);
      return answer.filter(({ errorCode }) => errorCode === 0);
    },
    signal,
  );
  return fetched.flatMap(({ partition, stableOffset, ...records }) => {
    const limits = { where: `kafka topic ${topic}, partition ${partition}`, maxChunkBytes };
    const parts = committedLines(client, records, from.get(partition)!, limits);
    return parts.map((part) => ({ ...part, partition, stableOffset }));
  });
}

function failureOf(
  { ProtocolError, protocolErrorsCodesById }: KafkaClient,
  { errorCode, partition }: FetchedPartition,
  { topic, from }: FetchRequest,
): Error {
  const name = protocolErrorsCodesById[errorCode as keyof typeof protocolErrorsCodesById];
  if (name === 'OFFSET_OUT_OF_RANGE') return outOfRange(topic, partition, from.get(partition)!);
  return new ProtocolError(name === undefined ? UNKNOWN_SERVER_ERROR : errorCode);
}

const UNKNOWN_SERVER_ERROR = -1;

function outOfRange(topic: string, partition: number, offset: bigint): OtaError {
  return new OtaError(
    'CHECKPOINT_MISMATCH',
    `kafka topic ${topic}, partition ${partition}: offset ${offset} is not in the topic any more`,
    ['Its retention removed messages that were not read, or the topic was made anew: check that first.'],
  );
}

/** Fetch, version 12: the client's own reads each record into objects; here the batches stay bytes. */
function send(
  { createAPI, Writer, ProtocolError }: KafkaClient,
  connection: Connection,
  { topic, from, partitions, partitionBytes }: FetchRequest & { partitions: number[]; partitionBytes: number },
): Promise<FetchedPartition[]> {
  const request = () =>
    Writer.create()
      .appendInt32(-1) // a consumer, no replica
      .appendInt32(WAIT_MS)
      .appendInt32(1) // answer as soon as there is a byte
      .appendInt32(ANSWER_BYTES)
      .appendInt8(READ_COMMITTED)
      .appendInt32(0) // no fetch session
      .appendInt32(-1)
      .appendArray([topic], (topics, name) => {
        topics.appendString(name).appendArray(partitions, (w, partition) => {
          w.appendInt32(partition)
            .appendInt32(-1) // leader epoch: not known
            .appendInt64(from.get(partition)!)
            .appendInt32(-1)
            .appendInt64(-1n)
            .appendInt32(partitionBytes);
        });
      })
      .appendArray([], () => {})
      .appendString('') // rack
      .appendTaggedFields();
  const parse = (_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader) => {
    reader.readInt32(); // throttling: the broker delays the answer itself
    const errorCode = reader.readInt16();
    if (errorCode !== 0) throw new ProtocolError(errorCode);
    reader.readInt32(); // session
    return reader
      .readArray((topics) => {
        topics.readString();
        return topics.readArray(parsePartition);
      })
      .flat();
  };
  return createAPI<[], FetchedPartition[]>(1, 12, request, parse).async(connection);
}

function parsePartition(reader: Reader): FetchedPartition {
  const partition = reader.readInt32();
  const errorCode = reader.readInt16();
  reader.readInt64(); // high watermark
  const stableOffset = reader.readInt64();
  reader.readInt64(); // log start
  const aborted = reader.readNullableArray((r) => ({ producerId: r.readInt64(), firstOffset: r.readInt64() })) ?? [];
  reader.readInt32(); // preferred replica
  const length = Math.max(0, reader.readUnsignedVarInt() - 1);
  const bytes = reader.buffer.slice(reader.position, reader.position + length);
  reader.skip(length);
  return { partition, errorCode, stableOffset, aborted, bytes };
}
