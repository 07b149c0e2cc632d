// `ota verify` of a large full package against `openssl dgst -sha256` on the same file, interleaved, medians.
// Usage: node bench/verify.mjs [MIB] [RUNS]
// Needs openssl and Debian's package time.
import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { summary, timed } from './timed.mjs';

const mebibytes = Number(process.argv[2] ?? 1024);
const runs = Number(process.argv[3] ?? 7);
const ota = join(import.meta.dirname, '../bin/ota.js');
const work = mkdtempSync(join(tmpdir(), 'ota-bench-'));
const at = (name) => join(work, name);

try {
  writeRandom(at('image.bin'), mebibytes);
  const runOta = (...args) => execFileSync(process.execPath, [ota, ...args], { cwd: work, stdio: 'ignore' });
  runOta('keys', 'generate', '--out', 'k');
  const release = ['--product', 'p', '--model', 'm', '--version', '1.0.0', '--sequence', '1'];
  runOta('pack', '--to', 'image.bin', ...release, '--sign', 'k.key', '--out', 'x.ota');

  const contenders = {
    'openssl dgst -sha256': ['openssl', 'dgst', '-sha256', at('x.ota')],
    'ota verify': [process.execPath, ota, 'verify', at('x.ota'), '--key', at('k.pub'), '--json'],
  };
  const samples = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let run = -1; run < runs; run++) {
    for (const [name, argv] of Object.entries(contenders)) {
      const sample = timed(argv);
      if (run >= 0) samples[name].push(sample); // the first round fills the page cache and the compile cache
    }
  }
  const peer = summary(samples['openssl dgst -sha256']);
  console.log(`${mebibytes} MiB, medians of ${runs}  wall ms  ratio   CPU ms  peak MiB`);
  for (const [name, taken] of Object.entries(samples)) {
    const { wallMs, cpuMs, peakMiB } = summary(taken);
    const cells = [wallMs.toFixed(0), (wallMs / peer.wallMs).toFixed(2), cpuMs.toFixed(0), peakMiB.toFixed(0)];
    console.log(name.padEnd(24), ...cells.map((cell) => cell.padStart(8)));
  }
} finally {
  rmSync(work, { recursive: true });
}

function writeRandom(path, size) {
  const file = openSync(path, 'w');
  const block = Buffer.alloc(1024 ** 2);
  for (let written = 0; written < size; written++) writeSync(file, randomFillSync(block));
  closeSync(file);
}
