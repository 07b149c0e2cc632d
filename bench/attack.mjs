// Runs `ota verify` and `ota apply` on every file of the refusal catalogue, one at a time, and reports the time and
// the peak memory of each: hostile files must cost at most 1 s and 128 MiB. CPU time counts, as it does not depend on
// what else the machine does.
// Usage: node bench/attack.mjs PACKAGE BASE
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const [packagePath, basePath] = process.argv.slice(2).map((path) => resolve(path));
const ota = join(import.meta.dirname, '../bin/ota.js');
/** Loaded into every run: tells on descriptor 3 what the process used, when it ends. */
const reportUsage =
  'data:text/javascript,import{writeSync}from"node:fs";process.on("exit",()=>writeSync(3,JSON.stringify(process.resourceUsage())))';

const work = mkdtempSync(join(tmpdir(), 'ota-bench-'));
try {
  const corpus = join(work, 'corpus');
  execFileSync(process.execPath, [ota, 'attack', packagePath, '--base', basePath, '--out', corpus]);
  const { cases } = JSON.parse(readFileSync(join(corpus, 'index.json'), 'utf8'));
  const runs = cases.flatMap(({ file, verify, apply }) =>
    [verify, apply].filter(Boolean).map((expected) => measure(corpus, file, expected)),
  );
  report(
    'slowest',
    runs.toSorted((a, b) => b.cpuMs - a.cpuMs),
  );
  report(
    'largest',
    runs.toSorted((a, b) => b.peakMiB - a.peakMiB),
  );
  const wrong = runs.filter(({ asExpected }) => !asExpected);
  const over = runs.filter(({ cpuMs, peakMiB }) => cpuMs > 1000 || peakMiB > 128);
  console.log(`${runs.length} runs, ${wrong.length} with another exit status, ${over.length} above 1 s or 128 MiB`);
  for (const { label } of wrong) console.log(`  ${label}`);
} finally {
  rmSync(work, { recursive: true });
}

function measure(corpus, file, { arguments: words, exitStatus }) {
  const args = words.map((word) => (word === '{out}' ? join(work, `out-${file}`) : word));
  const start = performance.now();
  const { status, output } = spawnSync(process.execPath, ['--import', reportUsage, ota, ...args], {
    cwd: corpus,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  const wallMs = performance.now() - start;
  const { userCPUTime, systemCPUTime, maxRSS } = JSON.parse(output[3]);
  return {
    label: `${words[0]} ${file}`,
    cpuMs: (userCPUTime + systemCPUTime) / 1000,
    wallMs,
    peakMiB: maxRSS / 1024,
    asExpected: status === exitStatus,
  };
}

function report(title, sorted) {
  console.log(title);
  for (const { label, cpuMs, wallMs, peakMiB } of sorted.slice(0, 5)) {
    const cells = [`${cpuMs.toFixed(0)} ms CPU`, `${wallMs.toFixed(0)} ms wall`, `${peakMiB.toFixed(0)} MiB`];
    console.log(` ${cells.map((cell) => cell.padStart(13)).join('')}  ${label}`);
  }
}
