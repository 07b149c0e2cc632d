// One contender, one size, in this process: prints a line of JSON. run.mjs starts it, pinned to one core.
// Usage: node measure.mjs CONTENDER --keys N [--window N] [--batch N] [--storm N] --directory DIR
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Stream } from './stream.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    keys: { type: 'string', default: '200000' },
    window: { type: 'string' },
    batch: { type: 'string', default: '4096' },
    storm: { type: 'string', default: '0' },
    directory: { type: 'string' },
  },
});
const [name] = positionals;
const keys = Number(values.keys);
const windowKeys = Number(values.window ?? keys);
const batchKeys = Number(values.batch);
const stormKeys = Number(values.storm);
const directory = values.directory;

rmSync(directory, { recursive: true, force: true });
mkdirSync(directory, { recursive: true });
const { open } = await import(`./contenders/${name}.mjs`);
const isAgeing = windowKeys < keys;
const options = { directory, keys, windowKeys, batchKeys, isAgeing };

const result = { contender: name, keys, window: windowKeys };
let store = await open(options);
const verdicts = new Uint8Array(batchKeys);

const generating = await generationCost();
const stream = new Stream(windowKeys, batchKeys);
let batches = 0;
const fill = await measured(async (latencies) => {
  while (stream.inserted < keys) {
    stream.next();
    await judge(latencies);
    batches++;
  }
});
Object.assign(result, rates(fill, batches, generating));
const latencies = fill.latencies.sort((one, other) => one - other);
const percentile = (share) => Number(latencies[Math.floor(latencies.length * share)].toFixed(2));
Object.assign(result, { p50Ms: percentile(0.5), p99Ms: percentile(0.99), maxMs: Number(latencies.at(-1).toFixed(1)) });
result.rssMiB = Math.round(process.memoryUsage.rss() / 2 ** 20) + (store.server?.rssMiB() ?? 0);
result.peakMiB = Math.round(process.resourceUsage().maxRSS / 1024) + (store.server?.rssMiB() ?? 0);
result.openBytesPerKey = perKey(sizeOf(directory));

if (stormKeys > 0) {
  const storming = () => {
    for (let done = 0; done < stormKeys; done += batchKeys) stream.nextOfStorm();
  };
  storming(); // compiled
  const before = await measured(async () => storming());
  const storm = await measured(async (latencies) => {
    for (let done = 0; done < stormKeys; done += batchKeys) {
      stream.nextOfStorm();
      await judge(latencies);
    }
  });
  result.storm = rates(storm, Math.ceil(stormKeys / batchKeys), before);
}
await store.settle?.();
Object.assign(result, store.facts?.());
await store.close();
result.closedBytesPerKey = perKey(sizeOf(directory));
if (store.canReopen) {
  const reopening = await measured(async () => {
    store = await open(options);
  });
  result.reopenSecondsPerMillion = Number((reopening.cpuMs / 1000 / (Math.min(keys, windowKeys) / 1e6)).toFixed(4));
  stream.nextOfStorm();
  await judge([]);
  await store.close();
}
rmSync(directory, { recursive: true, force: true });
console.log(JSON.stringify(result));

async function judge(latencies) {
  const before = performance.now();
  const judging = store.judge(stream, verdicts);
  if (judging !== undefined) await judging;
  latencies.push(performance.now() - before);
  if (Buffer.compare(verdicts, stream.expected) !== 0) throw new Error(`${name}: a verdict is wrong`);
}

/** Making the stream costs the same without anybody who judges it; it is not counted. */
async function generationCost() {
  const making = (count) => {
    const stream = new Stream(windowKeys, batchKeys);
    while (stream.inserted < count) stream.next();
  };
  making(Math.min(keys, 1_000_000)); // compiled
  return await measured(async () => making(keys));
}

async function measured(work) {
  const latencies = [];
  const [cpu, wall, serverMs] = [process.cpuUsage(), performance.now(), store?.server?.cpuMs() ?? 0];
  await work(latencies);
  const { user, system } = process.cpuUsage(cpu);
  const ownMs = (user + system) / 1000;
  const cpuMs = ownMs + (store?.server?.cpuMs() ?? 0) - serverMs;
  return { latencies, ownMs, cpuMs, wallMs: performance.now() - wall };
}

/** Thousands of ids a second, of CPU time (all threads, and the server) and of wall time. */
function rates({ ownMs, cpuMs, wallMs }, count, without) {
  const ids = count * batchKeys;
  const rate = (ms) => (ms > 0 ? Math.round(ids / ms) : undefined);
  return {
    kPerCpuSecond: rate(cpuMs - without.cpuMs),
    kPerSecond: rate(wallMs - without.wallMs),
    ...(store.server && { kPerServerCpuSecond: rate(cpuMs - ownMs) }),
  };
}

function perKey(bytes) {
  return Number((bytes / Math.min(keys, windowKeys)).toFixed(2));
}

/** Bytes that files take, not more than what was written: some allocate ahead. */
function sizeOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).reduce((total, entry) => {
    if (!entry.isFile()) return total;
    const { size, blocks } = statSync(join(entry.parentPath, entry.name));
    return total + Math.min(size, blocks * 512);
  }, 0);
}
