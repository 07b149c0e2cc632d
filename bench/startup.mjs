// Start-up of the two executables as a ratio to `node -e 0`, medians of interleaved runs.
// Usage: node bench/startup.mjs [RUNS]
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const runs = Number(process.argv[2] ?? 41);
const bin = join(import.meta.dirname, '../bin');
const cases = [
  ['node -e 0', ['-e', '0']],
  ['ota --version', [join(bin, 'ota.js'), '--version']],
  ['ota --help', [join(bin, 'ota.js'), '--help']],
  ['ota pack --help', [join(bin, 'ota.js'), 'pack', '--help']],
  ['ota version', [join(bin, 'ota.js'), 'version']],
  ['fleet version --json', [join(bin, 'fleet.js'), 'version', '--json']],
  ['ota inspect (refused)', [join(bin, 'ota.js'), 'inspect', 'does-not-exist.ota']],
  ['ota vresion (unknown)', [join(bin, 'ota.js'), 'vresion']],
];

const samples = new Map(cases.map(([name]) => [name, []]));
for (let run = -2; run < runs; run++) {
  for (const [name, args] of cases) {
    const sample = timed(args);
    if (run >= 0) samples.get(name).push(sample); // the first two rounds fill the compile cache
  }
}

const base = medians(samples.get('node -e 0'));
console.log('command                    CPU ms  ratio  wall ms  ratio');
for (const [name, taken] of samples) {
  const { cpuMs, wallMs } = medians(taken);
  const cells = [
    cpuMs.toFixed(0),
    (cpuMs / base.cpuMs).toFixed(2),
    wallMs.toFixed(0),
    (wallMs / base.wallMs).toFixed(2),
  ];
  console.log(name.padEnd(24), ...cells.map((cell) => cell.padStart(7)));
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
