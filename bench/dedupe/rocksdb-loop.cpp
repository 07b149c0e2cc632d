// The physical reference: RocksDB from C++ on the stream of stream.mjs. For each batch one MultiGet, then one synced
// write of the new ids and, while ageing, of a record with all of them by which they are deleted later.
// Build: g++ -O3 -march=native -std=c++17 rocksdb-loop.cpp -lrocksdb -o rocksdb-loop
// Usage: rocksdb-loop KEYS WINDOW BATCH DIR [MEMTABLE_MIB] [level|universal]
// 16 MiB and level are the fastest of those tried (16, 32, 64).
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/cache.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <string>
#include <vector>

using rocksdb::Slice;

static const double kDuplicates = 0.006;

static uint32_t mixed(uint32_t hash) {
  hash = (hash ^ (hash >> 16)) * 0x85ebca6bu;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35u;
  return hash ^ (hash >> 16);
}

static void write_key(uint32_t id, uint32_t* key) {
  key[0] = mixed(id ^ 0x5bd1e995u);
  key[1] = mixed((id * 0x2c1b3c6du) ^ 0x297a2d39u);
  key[2] = mixed(id + 0x165667b1u);
  key[3] = mixed(id);
}

struct Stream {
  uint64_t window;
  std::vector<uint32_t> keys;
  std::vector<char> expected;
  uint64_t inserted = 0;
  uint32_t state = 0;

  Stream(uint64_t window, size_t batch) : window(window), keys(batch * 4), expected(batch) {}

  void next() {
    const uint64_t before = inserted;
    const double reach = static_cast<double>(std::min(before, window)) - 1;
    for (size_t at = 0; at < expected.size(); at++) {
      state = mixed(state + 0x9e3779b9u);
      expected[at] = before > 0 && state < kDuplicates * 4294967296.0;
      const uint64_t id = expected[at] ? before - 1 - static_cast<uint64_t>(std::floor(mixed(state) / 4294967296.0 * reach)) : inserted++;
      write_key(static_cast<uint32_t>(id), &keys[at * 4]);
    }
  }
};

static double cpu_ms() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& time) { return time.tv_sec * 1e3 + time.tv_usec / 1e3; };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

static double wall_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static void check(const rocksdb::Status& status) {
  if (status.ok()) return;
  fprintf(stderr, "%s\n", status.ToString().c_str());
  exit(1);
}

static std::string order_key(uint32_t batch) {
  std::string key(8, 0);
  for (int byte = 0; byte < 4; byte++) key[4 + byte] = static_cast<char>(batch >> (24 - 8 * byte));
  return key;
}

static double bytes_of(const std::string& directory) {
  double total = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
    if (entry.is_regular_file()) total += entry.file_size();
  return total;
}

int main(int count, char** words) {
  if (count < 5) return 2;
  const uint64_t keys = strtoull(words[1], nullptr, 10);
  const uint64_t window = strtoull(words[2], nullptr, 10);
  const size_t batch_keys = strtoull(words[3], nullptr, 10);
  const std::string directory = words[4];
  const size_t memtable = (count > 5 ? atoi(words[5]) : 16) * size_t{1 << 20};
  const bool universal = count > 6 && std::string(words[6]) == "universal";
  const bool ageing = window < keys;

  rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = rocksdb::kNoCompression;  // ids are random
  options.write_buffer_size = memtable;
  options.max_write_buffer_number = 4;
  options.max_bytes_for_level_base = std::max<uint64_t>(options.max_bytes_for_level_base, 4 * memtable);
  options.compaction_style = universal ? rocksdb::kCompactionStyleUniversal : rocksdb::kCompactionStyleLevel;
  options.max_background_jobs = 2;
  options.bytes_per_sync = 1 << 20;
  options.memtable_whole_key_filtering = true;  // a third less work: new ids are not looked for in the memtable
  options.memtable_prefix_bloom_size_ratio = 0.1;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = rocksdb::NewLRUCache(256 << 20);
  table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocksdb::DB* db;
  check(rocksdb::DB::Open(options, directory, &db));

  const double generating_cpu = cpu_ms(), generating_wall = wall_ms();
  for (Stream stream(window, batch_keys); stream.inserted < keys;) stream.next();
  const double start_cpu = cpu_ms(), start_wall = wall_ms();

  Stream stream(window, batch_keys);
  std::vector<Slice> ids(batch_keys);
  std::vector<rocksdb::PinnableSlice> values(batch_keys);
  std::vector<rocksdb::Status> found(batch_keys);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  std::deque<uint32_t> order;
  uint32_t newest = 0, oldest = 0;
  uint64_t live = 0, judged = 0;
  std::vector<double> latencies;
  std::string record, old;
  while (stream.inserted < keys) {
    stream.next();
    const double before = wall_ms();
    for (size_t at = 0; at < batch_keys; at++) ids[at] = Slice(reinterpret_cast<const char*>(&stream.keys[at * 4]), 16);
    db->MultiGet(rocksdb::ReadOptions(), db->DefaultColumnFamily(), batch_keys, ids.data(), values.data(), found.data());
    rocksdb::WriteBatch writing;
    record.clear();
    for (size_t at = 0; at < batch_keys; at++) {
      const bool seen = found[at].ok();
      if (seen != static_cast<bool>(stream.expected[at])) {
        fprintf(stderr, "a verdict is wrong\n");
        return 1;
      }
      values[at].Reset();
      if (seen) continue;
      writing.Put(ids[at], Slice());
      if (ageing) record.append(ids[at].data(), 16);
    }
    if (ageing) {
      const uint32_t fresh = static_cast<uint32_t>(record.size() / 16);
      writing.Put(order_key(newest++), record);
      order.push_back(fresh);
      live += fresh;
      if (live - order.front() >= window) {
        check(db->Get(rocksdb::ReadOptions(), order_key(oldest), &old));
        for (size_t at = 0; at < old.size(); at += 16) writing.Delete(Slice(old.data() + at, 16));
        writing.Delete(order_key(oldest++));
        live -= order.front();
        order.pop_front();
      }
    }
    check(db->Write(synced, &writing));
    judged += batch_keys;
    latencies.push_back(wall_ms() - before);
  }
  const double cpu = cpu_ms() - start_cpu - (start_cpu - generating_cpu);
  const double wall = wall_ms() - start_wall - (start_wall - generating_wall);
  const double remembered = static_cast<double>(std::min(keys, window));
  const double open_bytes = bytes_of(directory) / remembered;
  std::sort(latencies.begin(), latencies.end());
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  check(db->Close());
  delete db;
  printf(
      "{\"contender\":\"rocksdb-cpp\",\"keys\":%llu,\"window\":%llu,\"kPerCpuSecond\":%.0f,\"kPerSecond\":%.0f,"
      "\"p50Ms\":%.2f,\"p99Ms\":%.2f,\"maxMs\":%.1f,\"peakMiB\":%.0f,\"openBytesPerKey\":%.2f,\"closedBytesPerKey\":%.2f}\n",
      static_cast<unsigned long long>(keys), static_cast<unsigned long long>(window), judged / cpu, judged / wall,
      latencies[latencies.size() / 2], latencies[latencies.size() * 99 / 100], latencies.back(), usage.ru_maxrss / 1024.0,
      open_bytes, bytes_of(directory) / remembered);
}
