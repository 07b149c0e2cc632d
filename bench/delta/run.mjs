// Every installed delta engine on a directory of pairs, in one run: size of the patch, CPU and peak memory of
// making and of applying it. Each result is compared with the new image.
// Usage: node bench/delta/run.mjs DIR [--pair NAME …] [--only TEXT …] [--python FILE] [--work DIR] [--results FILE]
//   DIR      holds NAME.old and NAME.new
//   only     engines whose name contains the text
//   python   interpreter with hdiffpatch, detools and bsdiff4 (python3)
//   work     keeps the patches
//   results  JSON that is read, extended by what was measured and written again; report.mjs makes the page of it
// Needs Debian's package time; of bsdiff, xdelta3, zstd and rdiff whatever is to be compared.
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
import { timed } from '../timed.mjs';
import { ours } from './ours.mjs';
import { isInstalled, peers } from './peers.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    pair: { type: 'string', multiple: true },
    only: { type: 'string', multiple: true },
    python: { type: 'string', default: 'python3' },
    work: { type: 'string' },
    results: { type: 'string' },
  },
});
const directory = resolve(positionals[0] ?? '.');
const pairs =
  values.pair ?? readdirSync(directory).flatMap((name) => (name.endsWith('.old') ? [name.slice(0, -4)] : []));
const work = values.work ? resolve(values.work) : mkdtempSync(join(tmpdir(), 'ota-bench-'));
mkdirSync(work, { recursive: true });

const wanted = ({ name }) => values.only?.some((text) => name.includes(text)) ?? true;
const results = values.results && existsSync(values.results) ? JSON.parse(readFileSync(values.results, 'utf8')) : {};

try {
  const engines = [...ours(work), ...peers(values.python).filter(hasProgram)].filter(wanted);
  for (const pair of pairs) measurePair(pair, engines);
} finally {
  if (!values.work) rmSync(work, { recursive: true });
}

function hasProgram(engine) {
  const installed = isInstalled(engine);
  if (!installed && wanted(engine)) console.error(`${engine.name} is not installed and left out`);
  return installed;
}

function measurePair(pair, engines) {
  const [old, target] = [join(directory, `${pair}.old`), join(directory, `${pair}.new`)];
  const [oldBytes, targetBytes] = [statSync(old).size, statSync(target).size];
  results[pair] = { ...results[pair], oldBytes, targetBytes, engines: results[pair]?.engines ?? {} };
  console.log(`\n${pair}: ${oldBytes} -> ${targetBytes} bytes`);
  for (const engine of engines) {
    if (Math.max(oldBytes, targetBytes) > (engine.maxBytes ?? Infinity)) continue;
    const measured = measure(engine, { old, target, pair });
    results[pair].engines[engine.name] = { ...measured, machine: engine.machine, family: engine.family ?? 'peer' };
    console.log(row(engine.name, measured));
    if (values.results) writeFileSync(values.results, `${JSON.stringify(results, null, 1)}\n`);
  }
}

function measure(engine, { old, target, pair }) {
  const files = {
    old,
    target,
    patch: join(work, `${pair}.${engine.name.replaceAll(/\W+/g, '-')}`),
    out: join(work, 'out.bin'),
  };
  for (const path of [files.patch, files.out]) rmSync(path, { force: true });
  try {
    const diff = timed(engine.diff(files));
    const bytes = engine.patchBytes?.(files) ?? statSync(files.patch).size;
    if (engine.apply === undefined) return { bytes, diff: cost(diff) };
    const apply = timed(engine.apply(files));
    execFileSync('cmp', [target, files.out]);
    return { bytes, diff: cost(diff), apply: cost(apply) };
  } catch (error) {
    // ours end with a JSON document, the others with a line
    const message = String(error.message);
    const told = /"message": "([^"]*)"/.exec(message)?.[1] ?? message.split('\n').filter(Boolean).at(-1);
    return { failed: (told ?? 'ended by a signal').slice(0, 120) };
  }
}

function cost({ cpuMs, peakMiB }) {
  return { cpuSeconds: Number((cpuMs / 1000).toFixed(2)), peakMiB: Math.round(peakMiB) };
}

function row(name, { bytes, diff, apply, failed }) {
  if (failed !== undefined) return `  ${name.padEnd(22)} failed: ${failed}`;
  const costs = (what) =>
    what ? `${what.cpuSeconds.toFixed(2).padStart(8)} s ${String(what.peakMiB).padStart(5)} MiB` : '';
  return `  ${name.padEnd(22)} ${String(bytes).padStart(10)}  diff ${costs(diff)}  apply ${costs(apply)}`;
}
