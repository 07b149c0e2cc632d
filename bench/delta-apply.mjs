// Deltas against Debian's bsdiff and bspatch, in one run: sizes and costs of making them, then whole processes of
// `ota apply` (verification, base and result hashes, atomic output and start-up of Node included) against bspatch.
// Usage: node bench/delta-apply.mjs DIR [--pair NAME …] [--runs N] [--work DIR]
//   DIR   holds NAME.old and NAME.new
//   work  keeps patches and packages, so that a second run only measures the application
// Needs Debian's packages bsdiff and time.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { summary, timed } from './timed.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    pair: { type: 'string', multiple: true },
    runs: { type: 'string', default: '9' },
    work: { type: 'string' },
  },
});
const directory = resolve(positionals[0] ?? '.');
const ota = join(import.meta.dirname, '../bin/ota.js');
const pairs =
  values.pair ?? readdirSync(directory).flatMap((name) => (name.endsWith('.old') ? [name.slice(0, -4)] : []));
const work = values.work ? resolve(values.work) : mkdtempSync(join(tmpdir(), 'ota-bench-'));
mkdirSync(work, { recursive: true });

try {
  const key = join(work, 'bench');
  if (!existsSync(`${key}.key`)) execFileSync(process.execPath, [ota, 'keys', 'generate', '--out', key]);
  for (const pair of pairs) measurePair(pair, key);
} finally {
  if (!values.work) rmSync(work, { recursive: true });
}

function measurePair(pair, key) {
  const [old, target] = [join(directory, `${pair}.old`), join(directory, `${pair}.new`)];
  const out = join(work, 'out.bin');
  const patch = join(work, `${pair}.patch`);
  const packages = { bsdf2: join(work, `${pair}.bsdf2.ota`), bsdiff40: join(work, `${pair}.bsdiff40.ota`) };

  console.log(`\n${pair}: ${statSync(old).size} -> ${statSync(target).size} bytes`);
  const bsdiff = cached(patch, () => timed(['bsdiff', old, target, patch]));
  console.log(row('bsdiff', statSync(patch).size, bsdiff));
  for (const [format, path] of Object.entries(packages)) {
    const made = cached(path, () => timed(packing(old, target, format, key, path)));
    console.log(row(`ota pack ${format}`, payloadSize(path), made));
  }

  const applying = (format) => [
    process.execPath,
    ota,
    'apply',
    packages[format],
    '--key',
    `${key}.pub`,
    '--base',
    old,
    '--out',
    out,
    '--json',
  ];
  const contenders = {
    bspatch: ['bspatch', old, out, patch],
    bsdf2: applying('bsdf2'),
    bsdiff40: applying('bsdiff40'),
  };
  const taken = { bspatch: [], bsdf2: [], bsdiff40: [] };
  const wanted = readFileSync(target);
  for (let run = -1; run < Number(values.runs); run++) {
    for (const [name, command] of Object.entries(contenders)) {
      rmSync(out, { force: true });
      const sample = timed(command);
      if (!readFileSync(out).equals(wanted)) throw new Error(`${pair}: ${name} made another image`);
      if (run >= 0) taken[name].push(sample); // the first round warms the caches
    }
  }
  const base = summary(taken.bspatch);
  for (const [name, samples] of Object.entries(taken)) {
    const { wallMs, cpuMs, peakMiB } = summary(samples);
    console.log(
      `  apply ${name.padEnd(10)} ${wallMs.toFixed(0).padStart(6)} ms wall (x${(wallMs / base.wallMs).toFixed(2)})`,
      `${cpuMs.toFixed(0).padStart(6)} ms CPU`,
      `${peakMiB.toFixed(0).padStart(5)} MiB`,
    );
  }
}

function packing(old, target, format, key, path) {
  const release = ['--product', 'bench', '--version', '1.1.0', '--sequence', '2', '--model', 'bench'];
  const images = ['--from', old, '--from-version', '1.0.0', '--to', target, '--format', format];
  return [process.execPath, ota, 'pack', '--quiet', ...images, ...release, '--sign', `${key}.key`, '--out', path];
}

/** Makes a file once, and keeps beside it what that took. */
function cached(path, make) {
  const notes = `${path}.json`;
  if (!existsSync(path) || !existsSync(notes)) {
    rmSync(path, { force: true });
    writeFileSync(notes, JSON.stringify(make()));
  }
  return JSON.parse(readFileSync(notes, 'utf8'));
}

function payloadSize(path) {
  const inspected = execFileSync(process.execPath, [ota, 'inspect', path, '--json'], { encoding: 'utf8' });
  return JSON.parse(inspected).payloads[0].size;
}

function row(name, bytes, { wallMs, peakMiB }) {
  return `  ${name.padEnd(18)} ${String(bytes).padStart(9)} bytes ${(wallMs / 1000).toFixed(1).padStart(7)} s ${peakMiB.toFixed(0).padStart(5)} MiB`;
}
