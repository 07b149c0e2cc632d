import { setTimeout as delay } from 'node:timers/promises';
import type { GroupPartitionsAssignments } from '@platformatic/kafka';
import type { KafkaCluster } from './kafka-cluster.js';
import { kafkaErrorNames, nestedErrors } from './kafka-failure.js';

export interface GroupOptions {
  readonly group: string;
  readonly topic: string;
  /** After so long without a heartbeat the others share the partitions of a member, milliseconds. */
  readonly sessionTimeoutMs?: number;
}

/** What a member does with its partitions. */
export interface PartitionOwner {
  /** These are this member's from now on; returns at once. */
  assigned(partitions: readonly number[]): void;
  /** Lets go of these; the others wait until that is done. */
  revoked(partitions: readonly number[]): Promise<void>;
  /** These belong to others already: the group has not heard from this member for too long. */
  lost(partitions: readonly number[]): Promise<void>;
}

const SESSION_TIMEOUT_MS = 10_000;
/** How long the group waits for members that let go of partitions; below the time limit of a waiting request. */
const REBALANCE_TIMEOUT_MS = 60_000;

/**
 * Shares the partitions of a topic with the other members of a consumer group until the signal is raised, then
 * gives them back and leaves.
 *
 * Partitions move one at a time (cooperative sticky assignment, KIP-429): whoever keeps one works on through a
 * rebalance, and nobody gets one before its former owner let go of it, or was given up.
 */
export async function joinGroup(
  cluster: KafkaCluster,
  options: GroupOptions,
  owner: PartitionOwner,
  signal: AbortSignal,
): Promise<void> {
  const member = new Member(cluster, options, owner, signal);
  try {
    while (!signal.aborted) await member.round();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await member.leave();
  }
}

class Member {
  readonly #cluster: KafkaCluster;
  readonly #options: GroupOptions;
  readonly #owner: PartitionOwner;
  readonly #signal: AbortSignal;
  readonly #owned = new Set<number>();
  #memberId = '';
  #generation = -1;

  constructor(cluster: KafkaCluster, options: GroupOptions, owner: PartitionOwner, signal: AbortSignal) {
    this.#cluster = cluster;
    this.#options = options;
    this.#owner = owner;
    this.#signal = signal;
  }

  /** One generation of the group: join, take over what was assigned, and stay until the next one begins. */
  async round(): Promise<void> {
    let assigned: Set<number>;
    try {
      assigned = await this.#join();
    } catch (error) {
      return await this.#joinAgain(error);
    }
    const added = [...assigned].filter((partition) => !this.#owned.has(partition));
    const revoked = [...this.#owned].filter((partition) => !assigned.has(partition));
    for (const partition of added) this.#owned.add(partition);
    if (added.length > 0) this.#owner.assigned(added);
    if (revoked.length === 0) return await this.#stay();
    // Only a further round gives them to somebody else.
    const released = new AbortController();
    const stay = this.#stay(released.signal);
    try {
      await this.#owner.revoked(revoked);
    } finally {
      released.abort();
      for (const partition of revoked) this.#owned.delete(partition);
    }
    await stay;
  }

  async leave(): Promise<void> {
    const owned = [...this.#owned];
    this.#owned.clear();
    await this.#owner.revoked(owned);
    if (this.#memberId === '') return;
    const { group } = this.#options;
    try {
      await this.#cluster.toCoordinator({ kind: 'group', key: group }, (connection) =>
        this.#cluster.client.leaveGroupV4.api.async(connection, group, [{ memberId: this.#memberId }]),
      );
    } catch {
      // The group notices by itself after the session's time.
    }
  }

  /** @returns the partitions of this member in the new generation */
  async #join(): Promise<Set<number>> {
    const { client } = this.#cluster;
    const { group, topic, sessionTimeoutMs = SESSION_TIMEOUT_MS } = this.#options;
    const subscription = client.encodeConsumerProtocolSubscription({
      version: client.CONSUMER_PROTOCOL_HIGHEST_VERSION,
      topics: [topic],
      ownedPartitions: [{ topic, partitions: [...this.#owned] }],
      generationId: this.#generation,
      rackId: null,
    });
    const protocols = [{ name: client.COOPERATIVE_STICKY_ASSIGNOR, metadata: subscription }];
    const waiting = { kind: 'group', key: group, lane: 'waiting' } as const;
    const joined = await this.#cluster.toCoordinator(
      waiting,
      (connection) =>
        client.joinGroupV7.api.async(
          connection,
          group,
          sessionTimeoutMs,
          REBALANCE_TIMEOUT_MS,
          this.#memberId,
          null,
          'consumer',
          protocols,
        ),
      this.#signal,
    );
    const { generationId, memberId, leader, members } = joined;
    this.#memberId = memberId;
    const assignments = leader === memberId ? await this.#assign(members) : [];
    const { assignment } = await this.#cluster.toCoordinator(
      waiting,
      (connection) =>
        client.syncGroupV5.api.async(
          connection,
          group,
          generationId,
          memberId,
          null,
          'consumer',
          client.COOPERATIVE_STICKY_ASSIGNOR,
          assignments,
        ),
      this.#signal,
    );
    this.#generation = generationId;
    const { assignedPartitions } = client.decodeConsumerProtocolAssignment(assignment);
    return new Set(assignedPartitions.find((each) => each.topic === topic)?.partitions);
  }

  /** The leader shares the partitions out. */
  async #assign(members: readonly { memberId: string; metadata: Buffer }[]) {
    const { client } = this.#cluster;
    const { topic } = this.#options;
    const { partitions } = await this.#cluster.topic(topic, this.#signal);
    const subscriptions = members.map(({ memberId, metadata }) => {
      const { userData, ...subscription } = client.decodeConsumerProtocolSubscription(metadata);
      return [memberId, { ...subscription, memberId, metadata: userData }] as const;
    });
    // All that the assignor looks at is how many partitions the topic has.
    const metadata = { topics: new Map([[topic, { partitionsCount: partitions }]]) };
    const assigned: GroupPartitionsAssignments[] = client.cooperativeStickyAssigner(
      this.#memberId,
      new Map(subscriptions) as Parameters<typeof client.cooperativeStickyAssigner>[1],
      new Set([topic]),
      metadata as Parameters<typeof client.cooperativeStickyAssigner>[3],
    );
    return assigned.map(({ memberId, assignments }) => ({
      memberId,
      assignment: client.encodeConsumerProtocolAssignment({
        version: client.CONSUMER_PROTOCOL_HIGHEST_VERSION,
        assignedPartitions: [...assignments.values()],
      }),
    }));
  }

  /** Says that it is alive until the group starts a new generation, or `released` says to begin one. */
  async #stay(released?: AbortSignal): Promise<void> {
    const { client } = this.#cluster;
    const { group, sessionTimeoutMs = SESSION_TIMEOUT_MS } = this.#options;
    const either = released === undefined ? this.#signal : AbortSignal.any([this.#signal, released]);
    while (!either.aborted) {
      try {
        await this.#cluster.toCoordinator(
          { kind: 'group', key: group },
          (connection) => client.heartbeatV4.api.async(connection, group, this.#generation, this.#memberId, null),
          either,
        );
        await delay(sessionTimeoutMs / 5, undefined, { signal: either });
      } catch (error) {
        if (either.aborted) return;
        if (released === undefined || !isRebalance(error)) return await this.#joinAgain(error);
        // The others begin without this member; it joins them once it has let go.
        await delay(sessionTimeoutMs / 5, undefined, { signal: either }).catch(() => {});
      }
    }
  }

  /** Whether and as whom to join again after the group refused something. */
  async #joinAgain(error: unknown): Promise<void> {
    const names = kafkaErrorNames(error);
    if (names.includes('MEMBER_ID_REQUIRED')) {
      this.#memberId = memberIdOf(error);
    } else if (names.includes('UNKNOWN_MEMBER_ID') || names.includes('ILLEGAL_GENERATION')) {
      const owned = [...this.#owned];
      this.#owned.clear();
      this.#memberId = '';
      this.#generation = -1;
      await this.#owner.lost(owned);
    } else if (!isRebalance(error)) {
      throw error;
    }
  }
}

/** The broker names a new member and wants to hear the name again (KIP-394). */
function memberIdOf(error: unknown): string {
  const ids = [...nestedErrors(error)].map(({ memberId }) => memberId);
  return ids.find((id) => typeof id === 'string') ?? '';
}

function isRebalance(error: unknown): boolean {
  return kafkaErrorNames(error).includes('REBALANCE_IN_PROGRESS');
}
