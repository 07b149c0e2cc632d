// RocksDB behind a bloom filter of the process, so that new ids are only written.
import { Bloom } from './bloom.mjs';
import { openRocks } from './rocksdb-node.mjs';

export function open(options) {
  return openRocks(options, new Bloom(options.windowKeys));
}
