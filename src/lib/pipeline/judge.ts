import type { PartitionedStore } from '../dedupe/partitioned-store.js';
import type { DecodedBatch } from './decoded-batch.js';

/** Says of each message whether it is new (VERDICT), and inserts those that are. */
export function judge(
  store: Pick<PartitionedStore, 'seenOrInsert'>,
  { count, keys, digests }: Pick<DecodedBatch, 'count' | 'keys' | 'digests'>,
): Uint8Array {
  return store.seenOrInsert(digests.length === 0 ? { count, keys } : { count, keys, digests });
}
