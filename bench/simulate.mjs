// `ota simulate` of a real hub's firmware on the default layout: fault points per second, time, peak memory.
// Usage: node bench/simulate.mjs [RUNS] [OPTION…], such as: node bench/simulate.mjs 3 --workers 1
// Needs Debian's package time.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { summary, timed } from './timed.mjs';

const runs = Number(process.argv[2] ?? 3);
const options = process.argv.slice(3);
const root = join(import.meta.dirname, '..');
const ota = join(root, 'bin/ota.js');
const work = mkdtempSync(join(tmpdir(), 'ota-bench-'));
const at = (name) => join(work, name);

try {
  for (const [release, name] of [
    ['v7.27', 'old.bin'],
    ['v7.28', 'new.bin'],
  ]) {
    const zip = unzipSync(readFileSync(join(root, `node_modules/pybricks-firmware-${release}/build/primehub.zip`)));
    writeFileSync(at(name), zip['firmware-base.bin']);
  }
  const runOta = (...args) => execFileSync(process.execPath, [ota, ...args], { cwd: work, stdio: 'ignore' });
  runOta('keys', 'generate', '--out', 'k');
  const release = ['--product', 'prime-hub', '--model', 'primehub', '--version', '2.0.0', '--sequence', '2'];
  runOta('pack', '--from', 'old.bin', '--to', 'new.bin', '--full', ...release, '--sign', 'k.key', '--out', 'x.ota');

  const report = at('report.json');
  const words = [ota, 'simulate', at('x.ota'), '--base', at('old.bin'), '--key', at('k.pub'), '--json', ...options];
  const simulate = ['sh', '-c', 'exec "$@" > "$0"', report, process.execPath, ...words];
  const samples = Array.from({ length: runs }, () => timed(simulate));
  const { totals, elapsedSeconds, faultPointsPerSecond } = JSON.parse(readFileSync(report, 'utf8'));
  const { wallMs, cpuMs, peakMiB } = summary(samples);
  console.log(
    `${totals.operations} operations, ${totals.faultPoints} faults (${totals.pairs} pairs), ${totals.states} states, ` +
      `${totals.violations} violations`,
  );
  console.log(
    `${(wallMs / 1000).toFixed(1)} s in all, ${(cpuMs / 1000).toFixed(1)} s of CPU, peak ${peakMiB.toFixed(0)} MiB; the last ` +
      `run explored ${elapsedSeconds.toFixed(1)} s, ${Math.round(faultPointsPerSecond)} faults a second`,
  );
} finally {
  rmSync(work, { recursive: true });
}
