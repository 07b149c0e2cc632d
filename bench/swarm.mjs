// `fleet simulate` against a server that does nothing but answer polls: what a device costs the swarm itself in memory
// and CPU time, and how late its steps begin. Measures the simulator, no server.
// Usage: node bench/swarm.mjs [--devices N …] [--seconds N] [--sleep HH:MM:SS]
// Needs Debian's package time.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { timed } from './timed.mjs';

if (isMainThread) await measureAll();
else serve(workerData);

/** In a thread of its own: this one waits for the simulator without doing anything else. */
function serve({ sleep }) {
  const answer = JSON.stringify({ config: { polling: { sleep } }, _links: {} });
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end(answer));
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
}

async function measureAll() {
  const { values } = parseArgs({
    options: {
      devices: { type: 'string', multiple: true, default: ['1000', '10000', '100000'] },
      seconds: { type: 'string', default: '60' },
      sleep: { type: 'string', default: '00:00:30' },
    },
  });
  const work = mkdtempSync(join(tmpdir(), 'ota-bench-'));
  const server = new Worker(new URL(import.meta.url), { workerData: { sleep: values.sleep } });
  try {
    const port = await new Promise((resolve) => server.once('message', resolve));
    const profile = join(work, 'profile.json');
    writeFileSync(profile, JSON.stringify({ poll: { startSeconds: 30 } }));
    console.log('| devices | polls/s | CPU ms a poll | late ms p95 | poll ms p95 | peak MiB | KiB a device more |');
    console.log('| --- | --- | --- | --- | --- | --- | --- |');
    let before;
    for (const devices of values.devices.map(Number)) {
      const sample = simulate({ devices, port, profile, seconds: values.seconds });
      const more = before && ((sample.peakMiB - before.peakMiB) * 1024) / (devices - before.devices);
      before = { devices, peakMiB: sample.peakMiB };
      row(devices, sample, more);
    }
  } finally {
    await server.terminate();
    rmSync(work, { recursive: true });
  }
}

function simulate({ devices, port, profile, seconds }) {
  const fleet = [process.execPath, join(import.meta.dirname, '../bin/fleet.js'), 'simulate', '--json'];
  process.env.BENCH_GATEWAY_TOKEN = 'bench';
  const sample = timed([
    ...fleet,
    ...['--devices', String(devices), '--server', `http://127.0.0.1:${port}`, '--profile', profile],
    ...['--gateway-token-env', 'BENCH_GATEWAY_TOKEN', '--duration', `${seconds}s`],
  ]);
  const report = JSON.parse(sample.stdout.trim().split('\n').at(-1));
  if (Object.keys(report.errors).length > 0) throw new Error(`errors: ${JSON.stringify(report.errors)}`);
  return { ...sample, report };
}

function row(devices, { cpuMs, peakMiB, report }, kibibytesMore) {
  const cells = [
    devices,
    Math.round(report.pollsPerSecond),
    (cpuMs / report.polls).toFixed(2),
    report.lag.p95Ms,
    report.requests.poll.p95Ms,
    Math.round(peakMiB),
    kibibytesMore?.toFixed(1) ?? '',
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
