import type { PartitionedStore } from '../dedupe/partitioned-store.js';
import type { WindowReport } from './events.js';

/** What all partitions together remember; the time is that of the partition that remembers the least. */
export function windowReport({ stores }: Pick<PartitionedStore, 'stores'>): WindowReport {
  let keys = 0;
  let isFull = false;
  let spanMs: number | undefined;
  for (const store of stores.values()) {
    const { keys: known, agedGenerations, oldestTimeMs, newestTimeMs } = store.stats();
    keys += known;
    isFull ||= agedGenerations > 0;
    if (oldestTimeMs === undefined || newestTimeMs === undefined) continue;
    spanMs = Math.min(spanMs ?? Number.POSITIVE_INFINITY, Math.max(0, newestTimeMs - oldestTimeMs));
  }
  return spanMs === undefined ? { keys, isFull } : { keys, isFull, spanMs };
}

/** Bytes of a message that is hardly smaller in practice, `{"":1}` with a line feed and a derived id. */
const MIN_LINE_BYTES = 7;
/** Most bytes on disk that a key takes, with its digest, before it is sealed. */
const MAX_KEY_BYTES = 32;

/**
 * Most bytes of a batch, and of a chunk of it, so that what is in flight stays a small part of the window.
 *
 * After a crash the ids of up to two batches, each a chunk longer than its limit, are learnt from the output, and
 * then read from the input again. If they were more than the store remembers, the first of them would be
 * forgotten before they are met, and come out twice.
 */
export function inFlightBytes(store: Pick<PartitionedStore, 'stores'>): number {
  return Math.max(1, Math.floor((rememberedKeys(store) * MIN_LINE_BYTES) / 6));
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
