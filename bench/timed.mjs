// Whole processes, measured. Needs Debian's package time.
import { spawnSync } from 'node:child_process';

/** Runs a command to its end. Peak is that of its largest process. */
export function timed(command) {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync('/usr/bin/time', ['-f', '%U %S %M', ...command], { encoding: 'utf8' });
  const wallMs = performance.now() - started;
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}${stdout.slice(-1000)}`);
  const [user, system, kibibytes] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { wallMs, cpuMs: (user + system) * 1000, peakMiB: kibibytes / 1024, stdout };
}

/** Medians of times, the largest of peaks. */
export function summary(samples) {
  const median = (key) => samples.map((sample) => sample[key]).sort((a, b) => a - b)[Math.floor(samples.length / 2)];
  return {
    wallMs: median('wallMs'),
    cpuMs: median('cpuMs'),
    peakMiB: Math.max(...samples.map(({ peakMiB }) => peakMiB)),
  };
}
