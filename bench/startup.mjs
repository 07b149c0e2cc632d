// Start-up of the two executables as a ratio to `node -e 0`, medians of interleaved runs.
// Usage: node bench/startup.mjs [RUNS]
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const runs = Number(process.argv[2] ?? 41);
const ANSWER_LIMIT = 1.3; // --version and --help
const COMMAND_LIMIT = 3;
const bin = join(import.meta.dirname, '../bin');
const nothing = 'does-not-exist';
/** Commands are refused early, so that what is measured is the way there. */
const cases = [
  ['node -e 0', ['-e', '0'], 1],
  ['ota --version', ['ota.js', '--version'], ANSWER_LIMIT],
  ['ota --help', ['ota.js', '--help'], ANSWER_LIMIT],
  ['ota pack --help', ['ota.js', 'pack', '--help'], ANSWER_LIMIT],
  ['fleet --help', ['fleet.js', '--help'], ANSWER_LIMIT],
  ['ota version', ['ota.js', 'version'], COMMAND_LIMIT],
  ['ota keys inspect', ['ota.js', 'keys', 'inspect', nothing], COMMAND_LIMIT],
  ['ota trust show', ['ota.js', 'trust', 'show', nothing], COMMAND_LIMIT],
  ['ota sign', ['ota.js', 'sign', nothing], COMMAND_LIMIT],
  ['ota pack', ['ota.js', 'pack'], COMMAND_LIMIT],
  ['ota inspect', ['ota.js', 'inspect', nothing], COMMAND_LIMIT],
  ['ota verify', ['ota.js', 'verify', nothing, '--key', nothing], COMMAND_LIMIT],
  ['ota apply', ['ota.js', 'apply', nothing, '--base', nothing, '--out', nothing], COMMAND_LIMIT],
  ['ota device status', ['ota.js', 'device', 'status', nothing], COMMAND_LIMIT],
  ['ota device boot', ['ota.js', 'device', 'boot', nothing], COMMAND_LIMIT],
  ['ota rollout status', ['ota.js', 'rollout', 'status', '--profile', nothing], COMMAND_LIMIT],
  ['ota rollout start', ['ota.js', 'rollout', 'start', nothing], COMMAND_LIMIT],
  ['fleet generate', ['fleet.js', 'generate', '--lines', '0'], COMMAND_LIMIT],
  ['fleet replay', ['fleet.js', 'replay', nothing, '--to', nothing, '--store', nothing], COMMAND_LIMIT],
  ['fleet dedupe stats', ['fleet.js', 'dedupe', 'stats', nothing], COMMAND_LIMIT],
  ['fleet dedupe verify', ['fleet.js', 'dedupe', 'verify', nothing], COMMAND_LIMIT],
  ['fleet devices list', ['fleet.js', 'devices', 'list', '--profile', nothing], COMMAND_LIMIT],
  ['fleet catalog list', ['fleet.js', 'catalog', 'list', '--profile', nothing], COMMAND_LIMIT],
  ['fleet tail', ['fleet.js', 'tail', '--profile', nothing], COMMAND_LIMIT],
  ['ota (unknown command)', ['ota.js', nothing], COMMAND_LIMIT],
];

const samples = new Map(cases.map(([name]) => [name, []]));
for (let run = -2; run < runs; run++) {
  for (const [name, args] of cases) {
    const sample = timed(args.map((arg) => (/^(ota|fleet)\.js$/.test(arg) ? join(bin, arg) : arg)));
    if (run >= 0) samples.get(name).push(sample); // the first two rounds fill the compile cache
  }
}

const base = medians(samples.get('node -e 0'));
console.log('command                    CPU ms  ratio  wall ms  ratio');
for (const [name, , limit] of cases) {
  const { cpuMs, wallMs } = medians(samples.get(name));
  const cells = [
    cpuMs.toFixed(0),
    (cpuMs / base.cpuMs).toFixed(2),
    wallMs.toFixed(0),
    (wallMs / base.wallMs).toFixed(2),
  ];
  const exceeded = cpuMs / base.cpuMs > limit;
  console.log(name.padEnd(24), ...cells.map((cell) => cell.padStart(7)), ...(exceeded ? [`above ${limit}`] : []));
}

/** bash tells the CPU time (user and system) of a child, which Node does not. */
function timed(args) {
  const script = 'TIMEFORMAT="%3R %3U %3S"; time "$@" >/dev/null 2>/dev/null';
  const { stderr } = spawnSync('bash', ['-c', script, 'time', process.execPath, ...args], { encoding: 'utf8' });
  const [wall, user, system] = stderr
    .trim()
    .split(' ')
    .map((seconds) => Number(seconds) * 1000);
  return { wallMs: wall, cpuMs: user + system };
}

function medians(taken) {
  const median = (key) => taken.map((sample) => sample[key]).sort((a, b) => a - b)[Math.floor(taken.length / 2)];
  return { cpuMs: median('cpuMs'), wallMs: median('wallMs') };
}
