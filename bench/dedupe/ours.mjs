// The dedupe store on one core: ids per second of CPU time (all threads counted), latency of batches, memory, disk,
// reopening, storms of duplicates and ageing; every verdict is checked.
// Usage: taskset -c 0 node --expose-gc bench/dedupe/ours.mjs [--keys N] [--window N] [--batch N] [--inline] [--digests]
//   [--directory DIR] [--memory BYTES]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '5000000' },
    window: { type: 'string' },
    batch: { type: 'string', default: '4096' },
    inline: { type: 'boolean', default: false },
    digests: { type: 'boolean', default: false },
    directory: { type: 'string', default: tmpdir() },
    memory: { type: 'string' },
    reopen: { type: 'string' },
  },
});
const total = Number(values.keys);
const windowKeys = Number(values.window ?? total);
const batchKeys = Number(values.batch);
const DUPLICATES = 0.006;

const work = mkdtempSync(join(values.directory, 'ota-bench-'));
try {
  const { openDedupeStore, openDurableFs } = await bundled(work);
  const options = {
    fs: openDurableFs(),
    window: { keys: windowKeys },
    digestBytes: values.digests ? 8 : 0,
    sealing: values.inline ? 'inline' : 'worker',
    ...(values.memory === undefined ? {} : { memoryBytes: Number(values.memory) }),
  };
  if (values.reopen === undefined) await measure(openDedupeStore, join(work, 'store'), options);
  else await reopen(openDedupeStore, values.reopen, options);
} finally {
  rmSync(work, { recursive: true });
}

async function measure(openDedupeStore, directory, options) {
  const generating = spent(() => {
    const stream = new Stream(windowKeys, 0);
    while (stream.inserted < total) stream.next();
  });
  const store = await openDedupeStore(directory, options);
  const stream = new Stream(windowKeys, 0);
  const verdicts = new Uint8Array(batchKeys);
  const latencies = [];
  const started = usage();
  let messages = 0;
  while (stream.inserted < total) {
    const { batch, expected } = stream.next();
    const before = performance.now();
    store.seenOrInsert(batch, verdicts);
    await store.commit({ data: stream.position(), eventTimeMs: messages });
    latencies.push(performance.now() - before);
    check(verdicts, expected);
    messages += batchKeys;
  }
  const inserting = difference(started, generating);
  report('inserting', messages, inserting);
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies[Math.floor(latencies.length * share)].toFixed(2);
  console.log(`  batch ms     p50 ${at(0.5)}  p99 ${at(0.99)}  p99.9 ${at(0.999)}  max ${latencies.at(-1).toFixed(2)}`);
  console.log(
    `  memory       RSS ${mib(process.memoryUsage.rss())}, peak ${mib(process.resourceUsage().maxRSS * 1024)}`,
  );

  const random = stream.storm(() => Math.floor(Math.random() * windowKeys));
  await storm('storm of random ids', store, random, Math.min(total, 2_000_000));
  let position = 0;
  const replayed = stream.storm(() => position++);
  await storm('storm of ids in their order', store, replayed, Math.min(total, 2_000_000));

  await store.seal();
  const stats = store.stats();
  console.log(`  window       ${stats.keys} keys in ${stats.generations} generations, ${stats.agedGenerations} aged`);
  console.log(`  sealed       ${(stats.diskBytes / stats.keys).toFixed(2)} bytes a key on disk`);
  console.log(
    `  filter       ${(stats.filter.bytes / windowKeys).toFixed(2)} bytes a key, all memory ${mib(stats.memoryBytes)}`,
  );
  await store.close();
  // In a process of its own, as after a restart
  const again = [...process.execArgv, ...process.argv.slice(1), '--reopen', directory];
  spawnSync(process.execPath, again, { stdio: 'inherit' });
}

async function reopen(openDedupeStore, directory, options) {
  const started = usage();
  const store = await openDedupeStore(directory, options);
  const { cpuMs } = difference(started);
  const { keys } = store.stats();
  console.log(
    `reopening      ${cpuMs.toFixed(0)} ms CPU, ${(cpuMs / (keys / 1e6) / 1000).toFixed(4)} s a million keys`,
  );
  console.log(`  memory       peak ${mib(process.resourceUsage().maxRSS * 1024)}`);
  await store.close();
}

async function storm(name, store, next, count) {
  const generating = spent(() => {
    for (let done = 0; done < count; done += batchKeys) next();
  });
  const verdicts = new Uint8Array(batchKeys);
  const expected = new Uint8Array(batchKeys).fill(1);
  const started = usage();
  for (let done = 0; done < count; done += batchKeys) {
    store.seenOrInsert(next(), verdicts);
    await store.commit({ data: Buffer.from(name) });
    check(verdicts, expected);
  }
  report(name, count, difference(started, generating));
}

/** New ids, and repeated ones from anywhere in the window. */
function Stream(window, seed) {
  const keys = new Uint32Array(batchKeys * 4);
  const expected = new Uint8Array(batchKeys);
  const digests = values.digests ? { digests: new Uint32Array(batchKeys * 2) } : {};
  const batch = { count: batchKeys, keys, ...digests };
  let state = seed;
  this.inserted = 0;
  this.position = () => Buffer.from(JSON.stringify({ output: this.inserted, inputs: { input: this.inserted * 250 } }));
  this.next = () => {
    const committed = this.inserted;
    for (let at = 0; at < batchKeys; at++) {
      state = mixed(state + 0x9e3779b9);
      const isRepeated = committed > 0 && state < DUPLICATES * 2 ** 32;
      const back = isRepeated ? 1 + Math.floor((mixed(state) / 2 ** 32) * (Math.min(committed, window) - 1)) : 0;
      expected[at] = isRepeated ? 1 : 0;
      writeKey(isRepeated ? committed - back : this.inserted++, keys, at * 4);
    }
    return { batch, expected };
  };
  this.storm = (choose) => () => {
    for (let at = 0; at < batchKeys; at++) writeKey(this.inserted - 1 - (choose() % window), keys, at * 4);
    return batch;
  };
}

function writeKey(id, keys, at) {
  keys[at] = mixed(id ^ 0x5bd1e995);
  keys[at + 1] = mixed(Math.imul(id, 0x2c1b3c6d) ^ 0x297a2d39);
  keys[at + 2] = mixed(id + 0x165667b1);
  keys[at + 3] = mixed(id);
}

/** The finalizer of MurmurHash3: a permutation of 32 bits. */
function mixed(value) {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function check(verdicts, expected) {
  if (Buffer.compare(verdicts, expected) !== 0) throw new Error('a verdict is wrong');
}

function usage() {
  return { cpu: process.cpuUsage(), wall: performance.now() };
}

function difference({ cpu, wall }, other = { cpuMs: 0, wallMs: 0 }) {
  const { user, system } = process.cpuUsage(cpu);
  return { cpuMs: (user + system) / 1000 - other.cpuMs, wallMs: performance.now() - wall - other.wallMs };
}

function spent(work) {
  const before = usage();
  work();
  return difference(before);
}

function report(name, messages, { cpuMs, wallMs }) {
  const rate = (ms) => `${Math.round(messages / ms)}k`;
  console.log(`${name.padEnd(28)} ${rate(cpuMs)}/s of CPU  ${rate(wallMs)}/s wall`);
}

function mib(bytes) {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

async function bundled(folder) {
  const source = join(import.meta.dirname, '../../src/lib');
  const contents = `
    export { openDedupeStore } from '${source}/dedupe/dedupe-store.ts';
    export { openDurableFs } from '${source}/core/node-durable-fs.ts';`;
  const common = { bundle: true, format: 'esm', platform: 'node', logLevel: 'error' };
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const worker = join(folder, 'dist/lib/dedupe/seal.worker.js');
  await build({ ...common, entryPoints: [join(source, 'dedupe/seal.worker.ts')], outfile: worker });
  const outfile = join(folder, 'store.js');
  await build({ ...common, stdin: { contents, resolveDir: source, loader: 'ts' }, outfile });
  return await import(outfile);
}
