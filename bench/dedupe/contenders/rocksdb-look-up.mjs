// RocksDB with nothing in front of it: its own bloom filters answer for new ids.
import { openRocks } from './rocksdb-node.mjs';

export function open(options) {
  return openRocks(options);
}
