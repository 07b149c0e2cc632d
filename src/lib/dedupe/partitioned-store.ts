import type { TakeLock } from '../core/lock.js';
import type { CheckpointRecord, DedupeStore, KeyBatch, StoreOptions } from './store.js';

export interface PartitionedStoreOptions extends StoreOptions {
  /** Whose messages: a store of its own for each. Letters, digits, `.`, `_`, `-`; at most 64. */
  readonly tenant: string;
  /** 1 to 10,000; fixed when the store is made. */
  readonly partitions: number;
  /** What the output is known by. A store belongs to one output: what it dropped came out there. */
  readonly sinkId: string;
  /** From now on the store belongs to `sinkId`, whatever it belonged to before. */
  readonly newOutput?: boolean;
  /**
   * Just this partition, and all messages go to it: who names it has routed them already (a Kafka
   * worker by its input partition). Without it all partitions are opened and keys are routed here.
   */
  readonly only?: number;
  /** For disks that are not this machine's. */
  readonly takeLock?: TakeLock;
}

/**
 * The partitions of one tenant. Window and memory of the options are for all partitions together.
 * Each partition is locked for as long as it is open.
 */
export interface PartitionedStore {
  /** 16 bytes for messageKeyer: keys made with another secret are unknown here. */
  readonly secret: Uint8Array;
  readonly partitions: number;
  /** The store was bound to another output until now (`newOutput`): positions in checkpoints are not about this one. */
  readonly formerSinkId?: string;
  /** The open partitions, by number. Their checkpoints differ when a commit was cut short. */
  readonly stores: ReadonlyMap<number, DedupeStore>;
  /** As DedupeStore, over all partitions. */
  seenOrInsert(batch: KeyBatch, verdicts?: Uint8Array): Uint8Array;
  /** Gives every partition the checkpoint; resolves when all of them are durable. */
  commit(checkpoint: CheckpointRecord): Promise<void>;
  /** Closes all partitions and lets go of their locks. */
  close(): Promise<void>;
}
