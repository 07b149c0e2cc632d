import type { PartitionedStore } from '../dedupe/partitioned-store.js';

/** What is committed together, at most, but for the last chunk that completes it. */
export interface InFlightLimits {
  readonly maxChunkBytes: number;
  readonly maxBatchBytes: number;
  readonly maxBatchMessages: number;
}

/** A batch is large enough to make syncing cheap with these. */
const BATCH_BYTES = 4 * 1024 * 1024;
/** Bytes of a message that is hardly smaller in practice, `{"":1}` with a line feed and a derived id. */
const MIN_LINE_BYTES = 7;
/** Most bytes on disk that a key takes, with its digest, before it is sealed. */
const MAX_KEY_BYTES = 32;
/** Share of the window that a chunk may be, and a batch before its last chunk. */
const WINDOW_SHARE = 1 / 6;

/**
 * Keeps what is in flight a part of the window.
 *
 * After a crash the ids of up to two batches, each a chunk longer than its limit, are learnt from the output, and
 * then read from the input again. If they were more than the store remembers, the first of them would be
 * forgotten before they are met, and come out twice.
 *
 * @param batchBytes most bytes of a batch, however large the window is
 */
export function inFlightLimits(
  store: Pick<PartitionedStore, 'stores'>,
  batchBytes: number = BATCH_BYTES,
): InFlightLimits {
  const maxBatchMessages = Math.max(1, Math.floor(rememberedKeys(store) * WINDOW_SHARE));
  return {
    maxChunkBytes: Math.min(batchBytes, maxBatchMessages * MIN_LINE_BYTES),
    maxBatchBytes: batchBytes,
    maxBatchMessages,
  };
}

/** How many of the newest keys are remembered at least. */
export function rememberedKeys({ stores }: Pick<PartitionedStore, 'stores'>): number {
  let keys = 0;
  for (const store of stores.values()) {
    const { window } = store.stats();
    keys += 'keys' in window ? window.keys : Math.floor(window.bytes / MAX_KEY_BYTES);
  }
  return keys;
}
