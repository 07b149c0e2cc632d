// `ota apply --device` of a full image and of a delta against what a shell script would do with the finished image: copy
// it into the slot, sync, hash what the slot holds. Whole processes, interleaved, medians. The device also verifies the package
// before it writes, counts boot attempts, and can be cut anywhere.
// Usage: node bench/device-apply.mjs [MIB] [RUNS] [--delta-mib N] [--erase-block-kib N]
// Needs Debian's package time.
import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { summary, timed } from './timed.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { 'delta-mib': { type: 'string', default: '32' }, 'erase-block-kib': { type: 'string', default: '4' } },
});
const mebibytes = Number(positionals[0] ?? 200);
const runs = Number(positionals[1] ?? 5);
const eraseBlockBytes = Number(values['erase-block-kib']) * 1024;
const ota = join(import.meta.dirname, '../bin/ota.js');
const work = mkdtempSync(join(tmpdir(), 'ota-bench-'));
const at = (name) => join(work, name);

try {
  runOta('keys', 'generate', '--out', 'k');
  const signing = ['--release-key', 'k.pub', '--sign', 'k.key'];
  runOta('trust', 'init', '--root-key', 'k.pub', '--product', 'bench', ...signing, '--out', 'root.json');
  console.log(`erase blocks of ${eraseBlockBytes / 1024} KiB, medians of ${runs}   wall ms   ratio   CPU ms  peak MiB`);
  measure('full', mebibytes, []);
  measure('delta', Number(values['delta-mib']), ['--from', 'delta.old']);
} finally {
  rmSync(work, { recursive: true });
}

function measure(name, size, from) {
  const image = randomFillSync(Buffer.alloc(size * 1024 ** 2));
  writeFileSync(at(`${name}.old`), image);
  // Most of it stays: a few bytes in a thousand places.
  for (let place = 0; place < 1000; place++) randomFillSync(image, Math.floor((image.length / 1000) * place), 8);
  writeFileSync(at(`${name}.new`), image);
  const device = ['--product', 'bench', '--model', 'bench'];
  const release = [...device, '--version', '2.0.0', '--sequence', '2', '--sign', 'k.key'];
  runOta('pack', '--quiet', ...from, '--to', `${name}.new`, ...release, '--out', `${name}.ota`);
  writeFileSync(at('layout.json'), JSON.stringify(layoutFor(image.length)));
  const factory = ['--image', `${name}.old`, '--version', '1.0.0', '--sequence', '1'];
  runOta('device', 'init', name, ...device, ...factory, '--layout', 'layout.json', '--trust', 'root.json');

  const byScript = 'cp "$0" "$1" && sync "$1" && sha256sum "$1"';
  const contenders = {
    'cp, sync, sha256sum': () => timed(['sh', '-c', byScript, at(`${name}.new`), at('device/slot')]),
    'ota apply --device': () =>
      timed([process.execPath, ota, 'apply', at(`${name}.ota`), '--device', at('device'), '--json']),
  };
  const samples = Object.fromEntries(Object.keys(contenders).map((contender) => [contender, []]));
  for (let run = -1; run < runs; run++) {
    for (const [contender, start] of Object.entries(contenders)) {
      copyDevice(name);
      const sample = start();
      if (run >= 0) samples[contender].push(sample); // the first round fills the page cache and the compile cache
    }
    const slot = readFileSync(at('device/app.b.image'));
    if (!slot.subarray(0, image.length).equals(image)) throw new Error(`${name}: the slot holds another image`);
  }
  const peer = summary(Object.values(samples)[0]);
  for (const [contender, taken] of Object.entries(samples)) {
    const { wallMs, cpuMs, peakMiB } = summary(taken);
    const cells = [wallMs.toFixed(0), (wallMs / peer.wallMs).toFixed(2), cpuMs.toFixed(0), peakMiB.toFixed(0)];
    const title = `${name}, ${size} MiB: ${contender}`;
    console.log(title.padEnd(42), ...cells.map((cell) => cell.padStart(8)));
  }
}

/** Installing never writes to the slot that runs, so that one is not copied. */
function copyDevice(name) {
  rmSync(at('device'), { recursive: true, force: true });
  mkdirSync(at('device'));
  for (const file of readdirSync(at(name))) {
    const copy = file === 'app.a.image' ? linkSync : copyFileSync;
    copy(join(at(name), file), join(at('device'), file));
  }
}

function layoutFor(imageBytes) {
  const slotBytes = Math.ceil(imageBytes / eraseBlockBytes) * eraseBlockBytes;
  const components = { app: { slots: ['a', 'b'], slotBytes } };
  return { spec: 'ota-fleet-layout/1', eraseBlockBytes, writeAlignmentBytes: 256, components };
}

function runOta(...args) {
  execFileSync(process.execPath, [ota, ...args], { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] });
}
