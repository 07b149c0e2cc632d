import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { constants, deflateSync } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';
import { xz } from '../../src/lib/delta/repack/codecs/xz.js';
import type { PackReport } from '../../src/lib/package/pack-report.js';
import { runCli } from '../support/cli.js';
import { realFirmware } from '../support/firmware.js';
import { testFolder } from '../support/folder.js';

const KIB = 1024;
const MIB = 1024 * KIB;
/** xz as the kernel's build calls it: CRC32, x86 branches, a dictionary of 32 MiB. */
const KERNEL_XZ = Buffer.from('0102001a065d000000000400', 'hex');
/** What a file system packs at once, bytes. */
const BLOCK_BYTES = 128 * KIB;
/** What is stated must be near enough to what is taken to be of use. */
const MOST_OVERSTATED = 3;

/** Leaves the peak of its memory in a file when the program ends; workers run it too. */
const TELL_PEAK = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync, writeFileSync } from 'node:fs';
  import { isMainThread } from 'node:worker_threads';
  const peak = () => /VmHWM:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'latin1'))[1];
  if (isMainThread) process.on('exit', () => writeFileSync(process.env.PEAK_FILE, peak()));
`)}`;
const NODE = [process.execPath, '--import', TELL_PEAK] as const;

/** What is measured is packing again; the delta between the contents is made quickly. */
const CHEAP = ['--effort', 'fast', '--coder', 'lzma'];

let firmware: { old: Uint8Array; new: Uint8Array };

beforeAll(async () => {
  firmware = await realFirmware('primehub');
});

test.each([
  ['a kernel in one gzip stream', 4 * MIB, gzipped],
  ['a kernel in one xz stream', 3 * MIB, async (content: Buffer) => xz.encode(KERNEL_XZ, content)],
  ['a file system of many small blocks', 8 * MIB, zlibBlocks],
] as const)(
  'applying takes the memory that its package states, and not far less: %s',
  async (_, contentBytes, pack) => {
    await using folder = await testFolder();
    for (const side of ['old', 'new'] as const) {
      await writeFile(folder.file(`${side}.img`), await pack(programLike(firmware[side], contentBytes)));
    }
    const env = { PEAK_FILE: folder.file('peak') };
    const ota = async (...words: string[]): Promise<string> => {
      const { stdout, stderr, status } = await runCli('ota', words, { cwd: folder.path, node: NODE, env });
      expect(status, stderr).toBe(0);
      return stdout;
    };
    const peakBytes = async () => KIB * Number(await readFile(folder.file('peak'), 'latin1'));
    await ota('keys', 'generate', '-o', 'a', '-q');
    const words = '--from old.img --to new.img --product p --model m --version 2.0.0 --sequence 2 --sign a.key --json';
    const report = await ota('pack', ...words.split(' '), '--format', 'otad-repack', ...CHEAP, '-o', 'x.ota');
    const { applyMemoryBytes } = (JSON.parse(report) as PackReport).payloads[0]!;

    await ota('apply', 'x.ota', '--key', 'a.pub', '--base', 'old.img', '--out', 'made.img');
    const appliedBytes = await peakBytes();
    expect((await readFile(folder.file('made.img'))).equals(await readFile(folder.file('new.img')))).toBe(true);
    const [node, ...nodeArgs] = NODE;
    spawnSync(node, [...nodeArgs, '-e', '0'], { env: { ...process.env, ...env } });
    const takenBytes = appliedBytes - (await peakBytes());
    expect(takenBytes).toBeLessThanOrEqual(applyMemoryBytes);
    expect(applyMemoryBytes).toBeLessThanOrEqual(MOST_OVERSTATED * takenBytes);
  },
  240_000,
);

/** A firmware over and over, each time a little different, so that it packs like a program. */
function programLike(image: Uint8Array, bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += image.length) content.set(image.subarray(0, bytes - at), at);
  for (let at = 0; at < bytes; at += 24) content[at] = Math.imul(at, 0x9e37_79b1) >>> 24;
  return content;
}

async function gzipped(content: Buffer): Promise<Buffer> {
  return spawnSync('gzip', ['-9nc'], { input: content, maxBuffer: content.length }).stdout;
}

async function zlibBlocks(content: Buffer): Promise<Buffer> {
  const blocks: Buffer[] = [];
  for (let at = 0; at < content.length; at += BLOCK_BYTES) {
    blocks.push(deflateSync(content.subarray(at, at + BLOCK_BYTES), { level: constants.Z_BEST_COMPRESSION }));
  }
  return Buffer.concat(blocks);
}
