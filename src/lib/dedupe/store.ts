import type { DurableFs } from '../core/durable-fs.js';

/** What the store says of an id; one byte for each id of a batch. */
export const VERDICT = {
  /** Not in the window: inserted now. */
  new: 0,
  /** In the window, or earlier in the same batch. */
  duplicate: 1,
  /** In the window with another payload digest. Nothing is inserted or replaced. */
  conflict: 2,
} as const;

/** Ids of a batch as keys of 128 bits (message-key.ts). */
export interface KeyBatch {
  readonly count: number;
  /** 4 words of 32 bits for each key. */
  readonly keys: Uint32Array;
  /** 2 words for each payload digest; needed exactly if the store keeps digests. */
  readonly digests?: Uint32Array;
}

/** How much is remembered. The newest ids stay; the oldest generation goes as a whole. */
export type Window =
  /** At least this many of the newest keys are remembered, and at most one generation more. */
  | { readonly keys: number }
  /** The files take at most this many bytes. */
  | { readonly bytes: number };

export interface StoreOptions {
  readonly fs: DurableFs;
  readonly window: Window;
  /** Bytes of memory for the filter and the tables; decides how exact the filter is. */
  readonly memoryBytes?: number;
  /** Into how many generations the window is divided (64): it forgets in steps of one, and each is an open file. */
  readonly generations?: number;
  /** Bytes of payload digest kept for each key: fixed when the store is made. */
  readonly digestBytes: 0 | 8;
  /** `worker` seals generations in another thread, `inline` before the commit returns. */
  readonly sealing: 'worker' | 'inline';
  /** Serve the rest of a store that lost blocks; otherwise it is refused. */
  readonly acceptDamage?: boolean;
}

/** Written with each commit, in the same atomic frame as its keys. */
export interface CheckpointRecord {
  /** Up to 64 KiB that the store keeps and does not read: the positions of input and output. */
  readonly data: Uint8Array;
  /** Time of the messages, in milliseconds since 1970: for the report of the window only. */
  readonly eventTimeMs?: number;
}

export interface Checkpoint extends CheckpointRecord {
  /** Keys that were ever inserted when it was made. Never goes back but by rollBackTo. */
  readonly insertedKeys: number;
}

/** One block that cannot be served. */
export interface DamagedBlock {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  /** How many keys it held, where that is known. */
  readonly keys?: number;
  readonly cause: string;
}

export interface StoreStats {
  readonly keys: number;
  readonly insertedKeys: number;
  readonly generations: number;
  readonly window: Window;
  /** Generations that have been dropped since the store was made: none means that nothing was forgotten yet. */
  readonly agedGenerations: number;
  readonly diskBytes: number;
  readonly memoryBytes: number;
  readonly filter: { readonly kind: string; readonly bytes: number };
  /** Event time of the oldest generation's start and of the newest commit, in milliseconds since 1970. */
  readonly oldestTimeMs?: number;
  readonly newestTimeMs?: number;
  readonly damage: readonly DamagedBlock[];
}

/** Where an id was first seen. */
export interface Sighting {
  readonly generation: number;
  /** The generation's span: the checkpoints before and after it, and its times where known. */
  readonly firstTimeMs?: number;
  readonly lastTimeMs?: number;
  readonly digest?: Uint8Array;
}

/**
 * Remembers the ids of the newest messages of one partition, exactly, over crashes.
 *
 * One writer. `seenOrInsert` changes memory; `commit` makes everything inserted before its call
 * durable together with a checkpoint, in one frame and one sync. After any failure to write the
 * store refuses further work: open it again.
 */
export interface DedupeStore {
  /**
   * Judges ids in order and inserts those that are new.
   *
   * @param verdicts filled and returned if given; at least `batch.count` bytes
   */
  seenOrInsert(batch: KeyBatch, verdicts?: Uint8Array): Uint8Array;
  /** One at a time; further batches may be judged meanwhile and belong to the next commit. */
  commit(checkpoint: CheckpointRecord): Promise<void>;
  /** Those that can be rolled back to, newest first: frames of the unsealed log, then starts of sealed generations. */
  checkpoints(): Iterable<Checkpoint>;
  /** Forgets everything that was committed after `checkpoint`, which came from `checkpoints()`; and all that is not committed. */
  rollBackTo(checkpoint: Checkpoint): Promise<void>;
  /** Where and when an id was first seen; reads, inserts nothing. `key`: 4 words. */
  find(key: Uint32Array): Sighting | undefined;
  /** Drops the oldest generations until at most `keys` are left, or the next one would leave fewer. Resolves to the keys dropped. */
  age(keys: number): Promise<number>;
  /** Seals what is committed so that every key lies in a sorted segment. */
  seal(): Promise<void>;
  stats(): StoreStats;
  close(): Promise<void>;
}
