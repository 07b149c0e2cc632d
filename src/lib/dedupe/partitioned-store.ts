import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { OtaError } from '../core/errors.js';
import { type HeldLock, type TakeLock, takeLock } from '../core/lock.js';
import { openDedupeStore } from './dedupe-store.js';
import { partitionRouter } from './partition-router.js';
import type { CheckpointRecord, DedupeStore, KeyBatch, StoreOptions, Window } from './store.js';
import {
  LOCK_FILE,
  MAX_PARTITIONS,
  partitionFolder,
  readOrMakeStoreFile,
  replaceStoreFile,
  requireMatch,
  requireSink,
  tenantDirectory,
} from './store-file.js';
import { generationsOfEach, MAX_OPEN_STORES, planWindow } from './window-plan.js';

export interface PartitionedStoreOptions extends StoreOptions {
  /** Whose messages: a store of its own for each. Letters, digits, `.`, `_`, `-`; at most 64. */
  readonly tenant: string;
  /** 1 to 10,000, but 2,048 at most are opened together; fixed when the store is made. */
  readonly partitions: number;
  /** Members of a message that its payload digest leaves out; fixed when the store is made. */
  readonly digestIgnore?: readonly string[];
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

/**
 * Opens `directory/tenant`, or makes it.
 *
 * @throws OtaError STORE_MISMATCH when it was made with other partitions, routing, digests or for another
 *   output; LOCKED while another process has a partition open; STORE_DAMAGED, LIMIT_EXCEEDED, USAGE; those of DurableFs
 */
export async function openPartitionedStore(
  directory: string,
  options: PartitionedStoreOptions,
): Promise<PartitionedStore> {
  requirePartitions(options);
  const { fs, tenant, partitions, only, sinkId, newOutput = false } = options;
  const tenantDir = tenantDirectory(directory, tenant);
  const expected = {
    tenant,
    partitions,
    routing: only === undefined ? ('key' as const) : ('source' as const),
    digestBytes: options.digestBytes,
    digestIgnore: [...(options.digestIgnore ?? [])].sort(),
    sink: sinkId,
  };
  const share = shareOf(options);
  planWindow(share); // refuses before anything is made
  await fs.makeDirectory(tenantDir);
  const file = await readOrMakeStoreFile(tenantDir, expected, fs);
  requireMatch(file, expected, tenantDir);

  const numbers = only === undefined ? Array.from({ length: partitions }, (_, number) => number) : [only];
  const opened = new OpenPartitions();
  let isUsed: boolean;
  try {
    for (const number of numbers) await opened.lock(join(tenantDir, partitionFolder(number)), options);
    for (const number of numbers) {
      opened.stores.set(number, await openDedupeStore(join(tenantDir, partitionFolder(number)), share));
    }
    isUsed = [...opened.stores.values()].some(hasCheckpoint);
    if (isUsed && !newOutput) requireSink(file, sinkId, tenantDir);
    // Only now: a window that could not be opened is not kept.
    if (file.sink !== sinkId || !isDeepStrictEqual(file.window, options.window)) {
      await replaceStoreFile(tenantDir, { ...file, sink: sinkId, window: options.window }, fs);
    }
  } catch (error) {
    await opened.close().catch(() => {}); // the failure that led here is the one to report
    throw error;
  }
  const stores = [...opened.stores.values()];
  return {
    secret: Buffer.from(file.secret, 'hex'),
    partitions,
    ...(isUsed && file.sink !== sinkId && { formerSinkId: file.sink }),
    stores: opened.stores,
    seenOrInsert: partitionRouter(stores),
    commit: (checkpoint) => settled(stores.map((store) => store.commit(checkpoint))),
    close: () => opened.close(),
  };
}

function hasCheckpoint(store: DedupeStore): boolean {
  for (const _ of store.checkpoints()) return true;
  return false;
}

/** Locks and stores that are open so far. */
class OpenPartitions {
  readonly stores = new Map<number, DedupeStore>();
  readonly #locks: HeldLock[] = [];

  async lock(partitionDir: string, { fs, takeLock: take = takeLock }: PartitionedStoreOptions): Promise<void> {
    await fs.makeDirectory(partitionDir);
    this.#locks.push(await take(join(partitionDir, LOCK_FILE)));
  }

  /** The locks go last: nobody else may open what is still being closed. */
  async close(): Promise<void> {
    const stores = [...this.stores.values()];
    this.stores.clear();
    try {
      await settled(stores.map((store) => store.close()));
    } finally {
      await settled(this.#locks.splice(0).map((lock) => lock.release()));
    }
  }
}

/** What one partition gets of window and memory. */
function shareOf({ window, memoryBytes, partitions, ...options }: PartitionedStoreOptions): StoreOptions {
  return {
    ...options,
    window: windowShare(window, partitions),
    generations: generationsOfEach(partitions),
    ...(memoryBytes !== undefined && { memoryBytes: Math.floor(memoryBytes / partitions) }),
  };
}

/**
 * The newest n keys are spread over p partitions by chance, n/p each with a deviation of at most
 * √(n/p). With seven of them more, a partition lacks room once in 10^11.
 */
function windowShare(window: Window, partitions: number): Window {
  if (partitions === 1) return window;
  if ('bytes' in window) return { bytes: Math.floor(window.bytes / partitions) };
  const even = window.keys / partitions;
  return { keys: Math.ceil(even + 7 * Math.sqrt(even)) };
}

function requirePartitions({ partitions, only }: PartitionedStoreOptions): void {
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > MAX_PARTITIONS) {
    throw new OtaError('USAGE', `partitions: got ${partitions}, expected 1 to ${MAX_PARTITIONS}`);
  }
  if (only === undefined && partitions > MAX_OPEN_STORES) {
    throw new OtaError(
      'LIMIT_EXCEEDED',
      `partitions: got ${partitions}, expected at most ${MAX_OPEN_STORES}, as each has several files open`,
      ['Choose fewer partitions: more of them do not make a store faster.'],
    );
  }
  if (only !== undefined && !(Number.isInteger(only) && only >= 0 && only < partitions)) {
    throw new OtaError('USAGE', `partition: got ${only}, expected 0 to ${partitions - 1}`);
  }
}

/** Waits for all of them, also when one fails: nothing may go on behind the caller's back. */
async function settled(promises: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
