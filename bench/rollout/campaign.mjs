// A whole campaign to 100 % through a real `fleet serve`, with `fleet simulate` as its devices: wall time, peak memory of the
// command that waits for it, and processor time for each device of the three processes. All of it shares the machine.
// Usage: node bench/rollout/campaign.mjs [DEVICES…]
// Needs Debian's package time.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startFleetServer } from '../server/fleet-server.mjs';

const POLL_SECONDS = 30;
const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1_000, 10_000];
const bin = (name) => join(import.meta.dirname, '../../bin', `${name}.js`);

console.log(
  '| devices | plan s | wall s | CLI peak MiB | CLI CPU s | server CPU ms a device | swarm CPU ms a device | server MiB |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
for (const devices of sizes) await measure(devices);

async function measure(devices) {
  const work = mkdtempSync(join(tmpdir(), 'ota-bench-'));
  const server = await startFleetServer({ devices: 0 });
  const env = { ...process.env, BENCH_TOKEN: server.adminToken, XDG_STATE_HOME: work, XDG_CONFIG_HOME: work };
  const run = (name, ...words) =>
    execFileSync(process.execPath, [bin(name), ...words], {
      cwd: work,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const login = ['--server', server.url, '--token-env', 'BENCH_TOKEN'];
  let swarm;
  try {
    publishReleases({ run, login, work });
    swarm = await startSwarm({ devices, server, work, env });

    const planned = performance.now();
    const choice = ['--package', 'two.ota', '--trust', 'root.json', '--where', 'model=M100', '--out', 'plan.json'];
    const pace = ['--name', 'bench', '--stages', '10%,40%,100%', '--completed', '100%', '--soak', 'none'];
    run('ota', 'rollout', 'plan', ...choice, ...pace, ...login);
    const planSeconds = (performance.now() - planned) / 1000;

    const before = { server: server.usage(), swarm: cpuSeconds(swarm.pid) };
    const cli = await timed([bin('ota'), 'rollout', 'start', 'plan.json', ...login, '--wait', '--json'], { work, env });
    const after = { server: server.usage(), swarm: cpuSeconds(swarm.pid) };
    const { phase, stages } = JSON.parse(run('ota', 'rollout', 'status', 'bench', '--json', ...login));
    const installed = stages.reduce((sum, { figures }) => sum + figures.installed, 0);
    if (phase !== 'finished' || installed !== devices)
      throw new Error(`${phase}, ${installed} of ${devices} installed`);
    const perDevice = (seconds) => ((1000 * seconds) / devices).toFixed(2);
    const cells = [
      ...[devices, planSeconds.toFixed(1), (cli.wallMs / 1000).toFixed(1), Math.round(cli.peakMiB), cli.cpuSeconds],
      ...[perDevice(after.server.cpuSeconds - before.server.cpuSeconds), perDevice(after.swarm - before.swarm)],
      Math.round(after.server.rssMiB),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  } finally {
    await swarm?.stop();
    await server.stop();
    rmSync(work, { recursive: true });
  }
}

function publishReleases({ run, login, work }) {
  const one = randomBytes(200_000);
  const two = Buffer.concat([randomBytes(20_000), one.subarray(20_000)]);
  writeFileSync(join(work, 'one.bin'), one);
  writeFileSync(join(work, 'two.bin'), two);
  run('ota', 'keys', 'generate', '--out', 'k');
  const root = ['--root-key', 'k.pub', '--product', 'meter', '--release-key', 'k.pub', '--sign', 'k.key'];
  run('ota', 'trust', 'init', ...root, '--out', 'root.json');
  run('fleet', 'catalog', 'trust', 'root.json', ...login);
  const release = ['--product', 'meter', '--model', 'M100', '--sign', 'k.key'];
  run(
    'ota',
    'pack',
    '--to',
    'one.bin',
    '--full',
    ...release,
    '--version',
    '1.0.0',
    '--sequence',
    '1',
    '--out',
    'one.ota',
  );
  const delta = ['--from', 'one.bin', '--from-version', '1.0.0', '--to', 'two.bin', '--full'];
  run('ota', 'pack', ...delta, ...release, '--version', '2.0.0', '--sequence', '2', '--out', 'two.ota');
  for (const name of ['one.ota', 'two.ota']) run('fleet', 'catalog', 'publish', name, ...login);
}

/** Devices that run 1.0.0, once all of them have told so. */
async function startSwarm({ devices, server, work, env }) {
  const profile = {
    ...{ product: 'meter', models: [{ model: 'M100' }], versions: [{ package: 'one.ota' }] },
    ...{ poll: { seconds: POLL_SECONDS, startSeconds: POLL_SECONDS } },
  };
  writeFileSync(join(work, 'profile.json'), JSON.stringify(profile));
  const words = ['--devices', String(devices), '--server', server.url, '--register', '--token-env', 'BENCH_TOKEN'];
  const rest = ['--trust', 'root.json', '--profile', 'profile.json', '--json'];
  const child = spawn(process.execPath, [bin('fleet'), 'simulate', ...words, ...rest], {
    ...{ cwd: work, env, stdio: ['ignore', 'pipe', 'inherit'] },
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await new Promise((resolve, reject) => {
    child.once('exit', (status) => reject(new Error(`fleet simulate ended with ${status}`)));
    createInterface(child.stdout).on('line', (line) => {
      const event = JSON.parse(line);
      if (event.type === 'progress' && event.states.idle === devices && event.polls >= 2 * devices) resolve();
    });
  });
  return {
    pid: child.pid,
    async stop() {
      child.kill('SIGINT');
      await ended;
    },
  };
}

/** A command in a process of its own, while others go on. */
async function timed(command, { work, env }) {
  const usage = join(work, 'usage');
  const started = performance.now();
  const child = spawn('/usr/bin/time', ['-f', '%U %S %M', '-o', usage, process.execPath, ...command], {
    ...{ cwd: work, env, stdio: ['ignore', 'ignore', 'inherit'] },
  });
  const status = await new Promise((resolve) => child.once('exit', resolve));
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}`);
  const [user, system, kibibytes] = readFileSync(usage, 'utf8').trim().split(' ').map(Number);
  return { wallMs: performance.now() - started, cpuSeconds: (user + system).toFixed(2), peakMiB: kibibytes / 1024 };
}

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
