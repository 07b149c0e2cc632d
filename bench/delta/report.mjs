// Makes the tables and the plot of docs/benchmarks.md from results of run.mjs.
// Usage: node bench/delta/report.mjs RESULTS
// What stands between the markers `<!-- delta:begin -->` and `<!-- delta:end -->` is written anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { sizePlot } from './plot.mjs';

const docs = join(import.meta.dirname, '../../docs');
const results = JSON.parse(readFileSync(resolve(process.argv[2]), 'utf8'));
const pairs = Object.entries(results);
const engines = [...new Set(pairs.flatMap(([, { engines }]) => Object.keys(engines)))];

writeFileSync(join(docs, 'images/delta-sizes.svg'), sizePlot(results));
const page = join(docs, 'benchmarks.md');
const text = readFileSync(page, 'utf8');
const [begin, end] = ['<!-- delta:begin -->', '<!-- delta:end -->'].map((marker) => text.indexOf(marker));
const tables = [sizes(), costs('diff'), costs('apply')].join('\n');
writeFileSync(page, `${text.slice(0, begin)}<!-- delta:begin -->\n\n${tables}\n${text.slice(end)}`);

function sizes() {
  const rows = pairs.map(([pair, { engines: measured, targetBytes }]) => [
    pair,
    grouped(targetBytes),
    ...engines.map((engine) => marked(measured, engine)),
  ]);
  return `### Size of the patch, bytes\n\n${table(['pair', 'new image', ...engines], rows)}`;
}

/** A size, bold where no other engine's is smaller. */
function marked(measured, engine) {
  const { bytes } = measured[engine] ?? {};
  if (bytes === undefined) return measured[engine]?.failed ? 'failed' : '–';
  const smallest = Math.min(...Object.values(measured).flatMap((one) => one.bytes ?? []));
  return bytes === smallest ? `**${grouped(bytes)}**` : grouped(bytes);
}

function costs(what) {
  const rows = pairs.map(([pair, { engines: measured }]) => [
    pair,
    ...engines.map((engine) => {
      const cost = measured[engine]?.[what];
      return cost ? `${cost.cpuSeconds} / ${cost.peakMiB}` : '–';
    }),
  ]);
  return `### ${what === 'diff' ? 'Making' : 'Applying'} it: CPU s / peak MiB of the process\n\n${table(['pair', ...engines], rows)}`;
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  return line(head) + line(head.map((_, index) => (index === 0 ? '---' : '--:'))) + rows.map(line).join('');
}

function grouped(number) {
  return number.toLocaleString('en-US');
}
