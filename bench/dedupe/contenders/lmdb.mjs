// lmdb: one transaction a batch, synced at its end; ids in order, since a tree is faster then.
import { open as openLmdb } from 'lmdb';
import { sortedOrder } from './sorted.mjs';

const NOTHING = Buffer.alloc(0);

export async function open({ directory }) {
  const db = openLmdb({
    path: directory,
    keyEncoding: 'binary',
    encoding: 'binary',
    overlappingSync: false,
    noMemInit: true,
    mapSize: 2 ** 36,
  });
  return {
    judge({ bytes }, verdicts) {
      db.transactionSync(() => {
        for (const at of sortedOrder(bytes)) {
          const id = bytes.subarray(at * 16, at * 16 + 16);
          verdicts[at] = db.doesExist(id) ? 1 : 0;
          if (verdicts[at] === 0) db.putSync(id, NOTHING);
        }
      });
    },
    async close() {
      await db.close();
    },
  };
}
