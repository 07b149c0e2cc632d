import { openDurableFs } from '../../../src/lib/core/node-durable-fs.js';
import { openPartitionedStore } from '../../../src/lib/dedupe/partitioned-store.js';
import { batchOf, dataOf } from '../store-messages.js';

const BATCH = 64;

/** Writes ids in order into a store, and says after each commit how many it has, until it is killed. */
const store = await openPartitionedStore(process.argv[2]!, {
  fs: openDurableFs(),
  tenant: 'default',
  partitions: 2,
  digestBytes: 0,
  window: { keys: Number(process.argv[3]) },
  sinkId: 'file:/out.ndjson',
  sealing: 'inline',
});
for (let next = 0; ; next += BATCH) {
  const messages = Array.from({ length: BATCH }, (_, index) => ({ id: next + index, payload: 0 }));
  store.seenOrInsert(batchOf(messages, 0));
  await store.commit({ data: dataOf(next + BATCH) });
  process.stdout.write(`${next + BATCH}\n`);
}
