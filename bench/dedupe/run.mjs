// The dedupe store and its peers on one stream, each in a process of its own on one core: random ids of 16 bytes,
// 0.6 % of them repeated, batches of 4,096, durable for each batch (not Redis and the table in memory), every verdict
// checked. Thousands of ids a second of CPU time, with all threads of a process and Redis' server counted.
// Usage: node bench/dedupe/run.mjs [--quick] [--only NAME …] [--without NAME …] [--core N] [--directory DIR] [--results FILE]
// Before: npm ci --prefix bench/dedupe. Needs taskset; g++ and librocksdb-dev, and redis-server, for those two.
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    without: { type: 'string', multiple: true, default: [] },
    core: { type: 'string', default: '0' },
    directory: { type: 'string', default: tmpdir() },
    results: { type: 'string' },
  },
});
const BATCH_KEYS = 4096;
const M = values.quick ? 40_000 : 1_000_000;
const FAST = ['generations', 'memory-table', 'redis', 'rocksdb-bloom', 'rocksdb-cpp'];
const SLOW = ['rocksdb-look-up', 'sqlite', 'lmdb', 'classic-level', 'append-only'];
const AGEING = ['generations', 'rocksdb-bloom', 'rocksdb-cpp'];
/** Contenders, millions of ids, millions in the window. */
const ROUNDS = [
  [['generations'], 50, 50],
  [FAST, 20, 20],
  [AGEING, 10, 4],
  [[...FAST, ...SLOW], 5, 5],
];

const work = mkdtempSync(join(values.directory, 'ota-bench-'));
const results = [];
try {
  const loop = join(work, 'rocksdb-loop');
  if (isWanted('rocksdb-cpp')) {
    const source = join(import.meta.dirname, 'rocksdb-loop.cpp');
    execFileSync('g++', ['-O3', '-march=native', '-std=c++17', source, '-lrocksdb', '-o', loop]);
  }
  for (const [contenders, millions, window] of ROUNDS) {
    for (const contender of contenders.filter(isWanted)) {
      results.push(await run(contender, millions * M, window * M, loop));
      if (values.results) appendFileSync(values.results, `${JSON.stringify(results.at(-1))}\n`);
    }
    table(millions * M, window * M);
  }
  if (!values.quick) targets();
} finally {
  rmSync(work, { recursive: true });
}

function isWanted(name) {
  return (values.only?.includes(name) ?? true) && !values.without.includes(name);
}

async function run(contender, keys, window, loop) {
  const directory = join(work, contender);
  const stormKeys = contender === 'generations' ? 2 * M : 0;
  const command =
    contender === 'rocksdb-cpp'
      ? [loop, keys, window, BATCH_KEYS, directory]
      : [
          ...[process.execPath, join(import.meta.dirname, 'measure.mjs'), contender, '--directory', directory],
          ...['--keys', keys, '--window', window, '--batch', BATCH_KEYS, '--storm', stormKeys],
        ];
  const child = spawn('taskset', ['-c', values.core, ...command.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const output = await text(child.stdout);
  rmSync(directory, { recursive: true, force: true });
  return JSON.parse(output);
}

function table(keys, window) {
  const rows = results.filter((result) => result.keys === keys && result.window === window);
  if (rows.length === 0) return;
  const size = window < keys ? `${keys / 1e6} M ids through a window of ${window / 1e6} M` : `${keys / 1e6} M ids`;
  console.log(`\n${size}\n`);
  console.log('| store | k ids/CPU-s | k ids/s | p50 ms | p99 ms | max ms | B/key open | closed | peak MiB |');
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const row of rows) {
    const { contender, kPerCpuSecond, kPerSecond, p50Ms, p99Ms, maxMs, openBytesPerKey, closedBytesPerKey, peakMiB } =
      row;
    const cells = [
      contender,
      kPerCpuSecond,
      kPerSecond,
      p50Ms,
      p99Ms,
      maxMs,
      openBytesPerKey,
      closedBytesPerKey,
      peakMiB,
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

/** What the store is held to. */
function targets() {
  const of = (contender, millions, window = millions) =>
    results.find((one) => one.contender === contender && one.keys === millions * M && one.window === window * M);
  const ratio = (millions, window, peers) => {
    const rates = peers.map((peer) => of(peer, millions, window)?.kPerCpuSecond).filter((rate) => rate !== undefined);
    return rates.length === 0 ? undefined : of('generations', millions, window)?.kPerCpuSecond / Math.max(...rates);
  };
  const [small, middle, large, ageing] = [
    of('generations', 5),
    of('generations', 20),
    of('generations', 50),
    of('generations', 10, 4),
  ];
  const lines = [
    ['20 M: times the best RocksDB through Node', ratio(20, 20, ['rocksdb-bloom', 'rocksdb-look-up']), '>=', 15],
    ['20 M: times the RocksDB loop in C++', ratio(20, 20, ['rocksdb-cpp']), '>=', 10],
    ['20 M: times Redis, client and server on one core', ratio(20, 20, ['redis']), '>=', 3],
    ['20 M: times Redis, its server alone', middle?.kPerCpuSecond / of('redis', 20)?.kPerServerCpuSecond, '>=', 3],
    ['20 M: times a table in memory', ratio(20, 20, ['memory-table']), '>=', 0.3],
    ['ageing: times the best RocksDB', ratio(10, 4, ['rocksdb-bloom', 'rocksdb-cpp']), '>=', 10],
    ['50 M: thousand ids a second of CPU', large?.kPerCpuSecond, '>=', 1500],
    ['50 M: times its rate at 5 M', large?.kPerCpuSecond / small?.kPerCpuSecond, '>=', 0.7],
    ['bytes a key on disk, sealed, 50 M', large?.sealedBytesPerKey, '<=', 16],
    ['bytes a key on disk, sealed, 20 M', middle?.sealedBytesPerKey, '<=', 16],
    ['bytes a key on disk, ageing', ageing?.openBytesPerKey, '<=', 18],
    ['bytes of filter a key, 50 M', large?.filterBytesPerKey, '<=', 6],
    ['p99 of a batch, 50 M, ms', large?.p99Ms, '<=', 10],
    ['p99 of a batch, 20 M, ms', middle?.p99Ms, '<=', 10],
    ['resident memory at 50 M, MiB', large?.peakMiB, '<=', 450],
    ['reopening, seconds a million keys, 50 M', large?.reopenSecondsPerMillion, '<=', 0.1],
    ['thousand duplicates a second in a storm, 50 M', large?.storm?.kPerCpuSecond, '>=', 500],
  ];
  console.log('\n| what | measured | target |\n| --- | --- | --- |');
  for (const [what, value, sign, target] of lines) {
    if (value === undefined || Number.isNaN(value)) continue;
    const isMet = sign === '>=' ? value >= target : value <= target;
    console.log(`| ${what} | ${Number(value.toPrecision(3))} | ${sign} ${target}${isMet ? '' : ', missed'} |`);
  }
}
