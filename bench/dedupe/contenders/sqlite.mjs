// better-sqlite3: a table that is nothing but its primary key, write-ahead log, one transaction a batch.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { sortedOrder } from './sorted.mjs';

export async function open({ directory }) {
  const db = new Database(join(directory, 'ids.sqlite'));
  db.pragma('page_size = 8192');
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('cache_size = -262144');
  db.pragma('wal_autocheckpoint = 8192');
  db.exec('CREATE TABLE IF NOT EXISTS ids (id BLOB PRIMARY KEY) WITHOUT ROWID');
  const insert = db.prepare('INSERT OR IGNORE INTO ids VALUES (?)');
  const batch = db.transaction((bytes, verdicts) => {
    for (const at of sortedOrder(bytes)) {
      verdicts[at] = insert.run(bytes.subarray(at * 16, at * 16 + 16)).changes === 0 ? 1 : 0;
    }
  });
  return {
    judge: ({ bytes }, verdicts) => batch(bytes, verdicts),
    async close() {
      db.close();
    },
  };
}
