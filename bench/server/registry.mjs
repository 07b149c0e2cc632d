// The registry of `fleet serve`: the time of one request that registers 10,000 devices, that changes them, and of lists
// with a filter when 100,000 devices are known. The server is a process of its own, asked over HTTP.
// Usage: node bench/server/registry.mjs [--devices N] [--lists N] [--directory DIR]; needs `npm run build`
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '100000' },
    lists: { type: 'string', default: '200' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const BATCH = 10_000;
const FILTERS = [
  'controllerAttributes.model==m3;online==false',
  'controllerId==car-00042*',
  'name==*777*',
  'group==line-7;tags.name==canary',
  'tags.name!=canary;updateStatus==UNKNOWN',
  'metadata.site=in=(north,south);controllerAttributes.hw==r2',
  'lastTargetQuery=is=null',
  '',
];
const work = mkdtempSync(join(values.directory, 'ota-bench-'));
const server = spawn(
  process.execPath,
  [
    join(import.meta.dirname, '../../bin/fleet.js'),
    ...['serve', '--data', join(work, 'data'), '--http', '127.0.0.1:0', '--json'],
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
try {
  const url = await started(server);
  const token = readFileSync(join(work, 'data', 'admin-token'), 'utf8').trim();
  const headers = { authorization: `Bearer ${token}` };
  const total = Number(values.devices);
  const created = [];
  const cpuAtStart = cpuMs(server.pid);
  for (let from = 0; from < total; from += BATCH) created.push(await register(url, headers, from, ''));
  const createdCpu = Math.round((cpuMs(server.pid) - cpuAtStart) / created.length);
  const updated = [await register(url, headers, 0, '?update=true')];
  console.log(`| ${BATCH} devices in one request | median ms | slowest ms | CPU ms |`);
  console.log('| --- | --- | --- | --- |');
  console.log(`| registered | ${quantile(created, 0.5)} | ${quantile(created, 1)} | ${createdCpu} |`);
  console.log(`| changed | ${quantile(updated, 0.5)} | ${quantile(updated, 1)} | |`);
  console.log(`\n| a list of 100 of ${total} | devices | median ms | p95 ms | CPU ms |`);
  console.log('| --- | --- | --- | --- | --- |');
  const all = [];
  for (const filter of FILTERS) {
    const times = [];
    let chosen = 0;
    const cpuBefore = cpuMs(server.pid);
    for (let run = 0; run < Number(values.lists); run++) {
      const query = new URLSearchParams({ limit: '100', ...(filter !== '' && { where: filter }) });
      const begun = performance.now();
      const { total } = await json(await fetch(`${url}/api/v1/devices?${query}`, { headers }));
      times.push(performance.now() - begun);
      chosen = total;
    }
    all.push(...times);
    const cpu = Math.round((cpuMs(server.pid) - cpuBefore) / times.length);
    console.log(`| \`${filter}\` | ${chosen} | ${quantile(times, 0.5)} | ${quantile(times, 0.95)} | ${cpu} |`);
  }
  console.log(`| all | | ${quantile(all, 0.5)} | ${quantile(all, 0.95)} | |`);
} finally {
  server.kill('SIGTERM');
  await new Promise((ended) => server.once('exit', ended));
  rmSync(work, { recursive: true });
}

/** What a process has computed so far, on whatever core; other work on the machine does not count. Linux: 100 ticks a second. */
function cpuMs(pid) {
  const [, fields] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(/\) /);
  const [user, system] = fields.split(' ').slice(11, 13);
  return (Number(user) + Number(system)) * 10;
}

async function started(child) {
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line);
    if (event.type === 'started') return event.http;
  }
  throw new Error('the server did not start');
}

async function register(url, headers, from, query) {
  const devices = Array.from({ length: BATCH }, (_, index) => device(from + index));
  const body = JSON.stringify(devices);
  const begun = performance.now();
  const result = await json(
    await fetch(`${url}/api/v1/devices${query}`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
    }),
  );
  if (result.created + result.updated !== BATCH) throw new Error('the counts are wrong');
  return performance.now() - begun;
}

function device(n) {
  return {
    id: `car-${String(n).padStart(6, '0')}`,
    name: `Car ${n}`,
    group: `line-${n % 20}`,
    tags: n % 10 === 7 ? ['eu', 'canary'] : ['eu'],
    attributes: { model: `m${n % 10}`, hw: `r${n % 3}`, serial: `S${n * 7919}` },
    metadata: { site: ['north', 'south', 'east', 'west'][n % 4] },
  };
}

async function json(response) {
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response.json();
}

function quantile(times, share) {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]);
}
