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
