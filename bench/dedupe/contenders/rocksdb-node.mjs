// @nxtedition/rocksdb. A batch is one synced write: its ids, and one record with all of them in their order, by
// which they are deleted when they leave the window.
import { RocksLevel } from '@nxtedition/rocksdb';

const NOTHING = Buffer.alloc(0);

export async function openRocks({ directory, windowKeys, batchKeys, isAgeing }, bloom) {
  const db = new RocksLevel(directory, {
    createIfMissing: true,
    compression: false,
    compaction: 'universal',
    optimize: 'point-lookup',
    memtableMemoryBudget: 64 * 2 ** 20,
    cacheSize: 256 * 2 ** 20,
    parallelism: 2,
    infoLogLevel: 'error',
  });
  await db.open();
  const order = []; // how many ids each record holds
  let oldest = 0;
  let live = 0;
  return {
    judge({ keys, bytes }, verdicts) {
      const asked = [];
      const ids = [];
      verdicts.fill(0);
      for (let at = 0; at < batchKeys; at++) {
        if (bloom === undefined || bloom.addAndMayHave(keys, at * 4)) {
          asked.push(at);
          ids.push(bytes.subarray(at * 16, at * 16 + 16));
        }
      }
      if (asked.length > 0) {
        const found = db._getManySync(ids);
        for (const [index, at] of asked.entries()) verdicts[at] = found[index] === undefined ? 0 : 1;
      }
      const batch = db._chainedBatch();
      const record = Buffer.allocUnsafe(batchKeys * 16);
      let fresh = 0;
      for (let at = 0; at < batchKeys; at++) {
        if (verdicts[at] !== 0) continue;
        const id = bytes.subarray(at * 16, at * 16 + 16);
        batch._put(id, NOTHING);
        record.set(id, fresh++ * 16);
      }
      if (isAgeing) batch._put(orderKey(order.length), record.subarray(0, fresh * 16));
      order.push(fresh);
      live += fresh;
      if (isAgeing && live - order[oldest] >= windowKeys) deleteOldest(batch);
      batch._writeSync({ sync: true });
      batch._closeSync();
    },
    async close() {
      await db.close();
    },
  };

  function deleteOldest(batch) {
    const key = orderKey(oldest);
    const [record] = db._getManySync([key]);
    for (let at = 0; at < record.length; at += 16) batch._del(record.subarray(at, at + 16));
    batch._del(key);
    live -= order[oldest++];
  }
}

function orderKey(batch) {
  const key = Buffer.alloc(8);
  key.writeUInt32BE(batch, 4);
  return key;
}
