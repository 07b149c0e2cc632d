// Decoding of telemetry lines on one core: messages per second of CPU time, with and without payload digests.
// JSON.parse of the same lines is measured beside it: what reading them costs without keys, ids and digests.
// Usage: node bench/decode.mjs [MESSAGES] [RUNS]
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

const messages = Number(process.argv[2] ?? 400_000);
const runs = Number(process.argv[3] ?? 7);
const CHUNK_BYTES = 1024 * 1024;

const work = mkdtempSync(join(tmpdir(), 'ota-bench-'));
try {
  const outfile = join(work, 'decode-lines.mjs');
  const entryPoints = [join(import.meta.dirname, '../src/lib/pipeline/decode-lines.ts')];
  await build({ entryPoints, outfile, bundle: true, format: 'esm', platform: 'node', logLevel: 'error' });
  const { lineDecoder } = await import(outfile);

  const chunks = chunksOf(messages);
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
    for (const line of Buffer.from(chunk.buffer).toString('utf8').split('\n')) {
      if (line !== '' && typeof JSON.parse(line).messageId === 'string') count++;
    }
  }
  return count;
}

/** Lines as a vehicle sends them, cut into whole chunks. */
function chunksOf(count) {
  const chunks = [];
  let lines = [];
  let size = 0;
  for (let i = 0; i < count; i++) {
    const line = Buffer.from(`${JSON.stringify(message(i))}\n`);
    lines.push(line);
    size += line.length;
    if (size >= CHUNK_BYTES || i === count - 1) {
      chunks.push(new Uint8Array(Buffer.concat(lines)));
      lines = [];
      size = 0;
    }
  }
  return chunks;
}

function message(i) {
  return {
    messageId: randomUUID(),
    deviceId: `truck-${String(i % 5000).padStart(5, '0')}`,
    timestamp: new Date(1_790_000_000_000 + 37 * i).toISOString(),
    type: 'position',
    tripId: `trip-${i % 90_000}`,
    lat: Number((48 + (i % 100_000) / 37_000).toFixed(6)),
    lon: Number((11 + (i % 130_000) / 41_000).toFixed(6)),
    speedKmh: Number((((i * 7) % 1300) / 10).toFixed(1)),
    engine: { rpm: 700 + ((i * 31) % 2500), coolantC: 70 + (i % 30) },
  };
}
