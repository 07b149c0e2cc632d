// `fleet replay` from file to file, on telemetry that `fleet generate` made: messages a second, CPU time and peak memory
// of the whole process, start-up included. The output is compared with the input less everything that came before.
// Usage: node bench/replay.mjs [--lines N …] [--runs N] [--cores 0,1] [--directory DIR] [-- FLAGS OF fleet replay]
// Needs Debian's package time, and taskset.
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { summary, timed } from './timed.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    lines: { type: 'string', multiple: true, default: ['1000000', '3000000', '10000000'] },
    runs: { type: 'string', default: '3' },
    cores: { type: 'string', default: '0,1' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const fleet = [process.execPath, join(import.meta.dirname, '../bin/fleet.js')];
const work = mkdtempSync(join(values.directory, 'ota-bench-'));
const rates = [];

console.log('| lines | MB | messages/s | of CPU | MB/s | peak MiB | duplicates |');
console.log('| --- | --- | --- | --- | --- | --- | --- |');
try {
  for (const lines of values.lines.map(Number)) rates.push(measure(lines));
  if (rates.length > 1)
    console.log(`\nrate of the longest times that of the shortest: ${(rates.at(-1) / rates[0]).toFixed(2)}`);
} finally {
  rmSync(work, { recursive: true });
}

function measure(lines) {
  const [input, output, store] = ['in.ndjson', 'out.ndjson', 'store'].map((name) => join(work, name));
  const made = timed([...fleet, 'generate', '--lines', String(lines), '--out', input, '--force', '--json']);
  const { bytes, messages, duplicates } = JSON.parse(made.stdout);
  const samples = [];
  for (let run = 0; run < Number(values.runs); run++) {
    for (const path of [output, store]) rmSync(path, { recursive: true, force: true });
    const command = [...fleet, 'replay', input, '--to', output, '--store', store, '--json', ...positionals];
    const sample = timed(['taskset', '-c', values.cores, ...command]);
    const { counts } = JSON.parse(sample.stdout.trim().split('\n').at(-1));
    if (counts.written !== messages || counts.duplicates !== duplicates) throw new Error('the counts are wrong');
    samples.push(sample);
  }
  compare(input, output);
  for (const path of [input, output, store]) rmSync(path, { recursive: true });
  const { wallMs, cpuMs, peakMiB } = summary(samples);
  const rate = (ms) => Math.round((lines / ms) * 1000);
  const cells = [bytes / 1e6, rate(wallMs), rate(cpuMs), bytes / 1e3 / wallMs, peakMiB, duplicates].map(Math.round);
  console.log(`| ${[lines, ...cells].join(' | ')} |`);
  return rate(wallMs);
}

/** The last 32 bits of a generated UUID are never repeated. */
function compare(input, output) {
  const seen = new Uint8Array(2 ** 29);
  const written = linesOf(output);
  for (const line of linesOf(input)) {
    const id = Number.parseInt(line.latin1Slice(42, 50), 16);
    const isSeen = (seen[id >>> 3] & (1 << (id & 7))) !== 0;
    seen[id >>> 3] |= 1 << (id & 7);
    if (!isSeen && !written.next().value?.equals(line)) throw new Error(`not in the output: ${line}`);
  }
  if (!written.next().done) throw new Error('the output has more lines than it should');
}

function* linesOf(path) {
  const file = openSync(path, 'r');
  const chunk = Buffer.alloc(2 ** 20);
  let rest = Buffer.alloc(0);
  for (let length = readSync(file, chunk); length > 0; length = readSync(file, chunk)) {
    const bytes = Buffer.concat([rest, chunk.subarray(0, length)]);
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      yield bytes.subarray(start, end);
      start = end + 1;
    }
    rest = bytes.subarray(start);
  }
  closeSync(file);
}
