// Decoding of telemetry lines on one core: messages per second of CPU time, with and without payload digests.
// JSON.parse of the same lines is measured beside it: what reading them costs without keys, ids and digests.
// Usage: node bench/decode.mjs [MESSAGES] [RUNS]
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

const messages = Number(process.argv[2] ?? 400_000);
const runs = Number(process.argv[3] ?? 7);

const work = mkdtempSync(join(tmpdir(), 'ota-bench-'));
try {
  const library = (path) => join(import.meta.dirname, '../src/lib', path);
  const entryPoints = [library('pipeline/decode-lines.ts'), library('telemetry/generate-telemetry.ts')];
  const files = { outdir: work, outExtension: { '.js': '.mjs' } };
  await build({ entryPoints, ...files, bundle: true, format: 'esm', platform: 'node', logLevel: 'error' });
  const { lineDecoder } = await import(join(work, 'pipeline/decode-lines.mjs'));
  const { generateTelemetry } = await import(join(work, 'telemetry/generate-telemetry.mjs'));

  const faults = { duplicate: 0.006, late: 0.01, conflict: 0, malformed: 0 };
  const plan = { seed: 1, vehicles: 1000, lines: messages, startMs: Date.UTC(2026, 0, 5), ids: 'uuid', faults };
  const chunks = Array.from(generateTelemetry(plan), (generated) => generated.bytes);
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const options = { secret: randomBytes(16), missingId: 'refuse', digestBytes: 0, digestIgnore: [] };
  const contenders = {
    'JSON.parse': parsed,
    decode: decoded(lineDecoder(options)),
    'decode, digests': decoded(lineDecoder({ ...options, digestBytes: 8 })),
  };
  const samples = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let run = -2; run < runs; run++) {
    for (const [name, contender] of Object.entries(contenders)) {
      const before = process.cpuUsage();
      const found = contender(chunks);
      const { user, system } = process.cpuUsage(before);
      if (found !== messages) throw new Error(`${name}: found ${found} messages of ${messages}`);
      if (run >= 0) samples[name].push((user + system) / 1e6); // the first rounds warm up
    }
  }
  console.log(`${messages} messages of ${Math.round(bytes / messages)} bytes, medians of ${runs}`);
  console.log(`${''.padEnd(16)} messages/s   MB/s  ns/message`);
  for (const [name, taken] of Object.entries(samples)) {
    const seconds = taken.toSorted((a, b) => a - b)[taken.length >> 1];
    const cells = [
      (messages / seconds).toFixed(0),
      (bytes / 1e6 / seconds).toFixed(0),
      ((seconds / messages) * 1e9).toFixed(0),
    ];
    console.log(name.padEnd(16), cells[0].padStart(10), cells[1].padStart(6), cells[2].padStart(11));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

function decoded(decode) {
  return (chunks) => chunks.reduce((sum, bytes) => sum + decode({ bytes, firstLine: 1 }).count, 0);
}

function parsed(chunks) {
  let count = 0;
  for (const chunk of chunks) {
    for (const line of new TextDecoder().decode(chunk).split('\n')) {
      if (line !== '' && typeof JSON.parse(line).messageId === 'string') count++;
    }
  }
  return count;
}
