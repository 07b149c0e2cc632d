import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { PackReport } from '../../src/lib/package/pack-report.js';
import { runCli } from '../support/cli.js';
import { writeRealFirmware } from '../support/firmware.js';
import { testFolder } from '../support/folder.js';

test('images with a part that gzip has packed are compared unpacked, where devices can pack it again', async () => {
  await using folder = await testFolder();
  await writeRealFirmware(folder.path, 'movehub');
  const ota = async (...words: string[]): Promise<string> => {
    const { stdout, stderr, status } = await runCli('ota', words, { cwd: folder.path });
    expect(status, stderr).toBe(0);
    return stdout;
  };
  for (const name of ['old', 'new']) {
    const { stdout } = spawnSync('gzip', ['-9nc', folder.file(`${name}.bin`)]);
    await writeFile(folder.file(`${name}.img`), Buffer.concat([Buffer.alloc(4096), stdout, Buffer.alloc(500)]));
  }
  await ota('keys', 'generate', '-o', 'a', '-q');
  const words = '--from old.img --to new.img --product p --model m --version 2.0.0 --sequence 2 --sign a.key --json';
  const pack = async (...args: string[]): Promise<PackReport['choices'][number]> =>
    JSON.parse(await ota('pack', ...words.split(' '), ...args)).choices[0];

  const repacked = await pack('--out', 'x.ota', '--check-reproducible');
  expect(repacked.format).toBe('otad-repack');
  await ota('verify', 'x.ota', '--key', 'a.pub', '--base', 'old.img');
  await ota('apply', 'x.ota', '--key', 'a.pub', '--base', 'old.img', '--out', 'made.img');
  expect((await readFile(folder.file('made.img'))).equals(await readFile(folder.file('new.img')))).toBe(true);

  const [delta] = JSON.parse(await ota('inspect', 'x.ota', '--base', 'old.img', '--json')).deltas;
  expect(delta.unpacked.codecs).toMatchObject([{ name: 'gzip', streams: 1, unpackedBytes: 102_432 }]);
  const { equalBytes, predictedBytes, differingBytes, addedBytes } = delta.shares;
  expect(equalBytes + predictedBytes + differingBytes + addedBytes).toBe(delta.unpacked.targetBytes);

  for (const without of [
    ['--repack', 'off'],
    ['--device-formats', 'full,otad'],
  ]) {
    const plain = await pack('--dry-run', '--out', 'y.ota', ...without);
    expect(plain.format).not.toBe('otad-repack');
    expect(plain.size).toBeGreaterThan(20 * repacked.size);
  }
}, 60_000);
