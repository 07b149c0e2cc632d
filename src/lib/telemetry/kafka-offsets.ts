import type { KafkaCluster } from './kafka-cluster.js';
import type { Offsets } from './kafka-fetch.js';

const READ_COMMITTED = 1;
const TIMESTAMP = { start: -2n, end: -1n } as const;

/** Where partitions begin, or end for a reader of committed messages. */
export async function listOffsets(
  cluster: KafkaCluster,
  topic: string,
  partitions: readonly number[],
  which: 'start' | 'end',
  signal?: AbortSignal,
): Promise<Offsets> {
  const found = await Promise.all(
    partitions.map(async (partition) => {
      const { topics } = await cluster.toLeader(
        { topic, partition },
        (connection) =>
          cluster.client.listOffsetsV7.api.async(connection, -1, READ_COMMITTED, [
            {
              name: topic,
              partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp: TIMESTAMP[which] }],
            },
          ]),
        signal,
      );
      return [partition, topics[0]!.partitions[0]!.offset] as const;
    }),
  );
  return new Map(found);
}

/** What a group has committed; partitions without an offset are missing. Waits for transactions that carry offsets. */
export async function groupOffsets(
  cluster: KafkaCluster,
  group: string,
  topic: string,
  partitions: readonly number[],
  signal?: AbortSignal,
): Promise<Offsets> {
  const { groups } = await cluster.toCoordinator(
    { kind: 'group', key: group },
    (connection) =>
      cluster.client.offsetFetchV8.api.async(
        connection,
        [{ groupId: group, memberEpoch: -1, topics: [{ name: topic, partitionIndexes: [...partitions] }] }],
        true,
      ),
    signal,
  );
  const found = groups[0]?.topics[0]?.partitions ?? [];
  return new Map(
    found
      .filter(({ committedOffset }) => committedOffset >= 0n)
      .map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]),
  );
}

/** Commits offsets for a group that has no members at the moment. */
export async function commitGroupOffsets(
  cluster: KafkaCluster,
  group: string,
  topic: string,
  offsets: Offsets,
): Promise<void> {
  const partitions = [...offsets].map(([partitionIndex, committedOffset]) => ({
    partitionIndex,
    committedOffset,
    committedLeaderEpoch: -1,
  }));
  await cluster.toCoordinator({ kind: 'group', key: group }, (connection) =>
    cluster.client.offsetCommitV8.api.async(connection, group, -1, '', null, [{ name: topic, partitions }]),
  );
}
