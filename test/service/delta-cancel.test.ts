import { execFileSync } from 'node:child_process';
import { watch } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliResult, runCli } from '../support/cli.js';
import { realFirmware } from '../support/firmware.js';
import { type TestFolder, testFolder } from '../support/folder.js';

/** An answer to a signal, of a program that has several threads at work. */
const MOMENT_MS = 3000;
const IMAGE_BYTES = 6 * 1024 ** 2;

let folder: TestFolder;
beforeAll(async () => {
  folder = await testFolder();
  const { old, new: target } = await realFirmware('primehub');
  // Far more work than the test waits for: what is cancelled must not have ended by itself.
  await writeFile(folder.file('old.bin'), longImage(old, 1));
  await writeFile(folder.file('older.bin'), longImage(old, 3));
  await writeFile(folder.file('new.bin'), longImage(target, 2));
  for (const name of ['old.bin', 'new.bin']) {
    execFileSync('xz', ['--keep', '--check=crc32', '--lzma2=dict=8MiB', folder.file(name)]);
  }
});
afterAll(() => folder[Symbol.asyncDispose]());

/** Copies of an image, each disturbed in its own way. */
function longImage(part: Uint8Array, seed: number): Buffer {
  const image = Buffer.alloc(IMAGE_BYTES);
  let state = seed;
  for (let at = 0; at < image.length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    image[at] = part[at % part.length]! ^ (state >>> 24 < 8 ? state >>> 16 : 0);
  }
  return image;
}

/** Runs a command that gets the signal as soon as it has begun to make deltas. */
async function cancelled(name: string, args: string[], signal: 'SIGINT' | 'SIGTERM') {
  const temporary = folder.file(`tmp-${name}`);
  await mkdir(temporary);
  const cancel = new AbortController();
  const begun = new Promise<void>((resolve) => {
    const watcher = watch(temporary, { recursive: true }, async () => {
      if ((await readdir(temporary, { recursive: true })).length < 2) return; // the private folder, and a patch in it
      watcher.close();
      resolve();
    });
  });
  const running: Promise<CliResult> = runCli('ota', args, {
    cwd: folder.path,
    env: { TMPDIR: temporary },
    signal: cancel.signal,
  });
  await begun;
  const sentAt = performance.now();
  cancel.abort(signal);
  const result = await running;
  return { ...result, tookMs: performance.now() - sentAt, left: await readdir(temporary, { recursive: true }) };
}

const RELEASE = '--product p --model m --version 2.0.0 --sequence 2 --out out.ota'.split(' ');

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (signal, status) => {
  test.each(['bsdf2', 'otad', 'bsdiff40'])(
    'ends packing a delta of format %s at once, and leaves nothing',
    async (format) => {
      const images = ['--from', 'old.bin', '--to', 'new.bin', '--format', format];
      const before = await folder.state();
      const ended = await cancelled(`${signal}-${format}`, ['pack', ...images, ...RELEASE], signal);
      expect(ended).toMatchObject({ status, left: [], stdout: '' });
      expect(ended.stderr).toMatch(/^error: /m);
      expect(ended.tookMs).toBeLessThan(MOMENT_MS);
      expect(await folder.state()).toEqual(before);
    },
  );

  test('ends packing through compressed parts, with native code at work, and leaves nothing', async () => {
    const images = ['--from', 'old.bin.xz', '--to', 'new.bin.xz', '--format', 'otad-repack'];
    const before = await folder.state();
    const ended = await cancelled(`${signal}-repack`, ['pack', ...images, ...RELEASE], signal);
    expect(ended).toMatchObject({ status, left: [], stdout: '' });
    expect(ended.tookMs).toBeLessThan(MOMENT_MS);
    expect(await folder.state()).toEqual(before);
  });

  test('ends a matrix at once, with all that is made beside each other', async () => {
    const images = ['--from', 'old.bin', 'older.bin', '--to', 'new.bin', '--chart', 'chart.svg'];
    const before = await folder.state();
    const ended = await cancelled(`${signal}-matrix`, ['matrix', ...images, '--formats', 'bsdf2,otad'], signal);
    expect(ended).toMatchObject({ status, left: [], stdout: '' });
    expect(ended.tookMs).toBeLessThan(MOMENT_MS);
    expect(await folder.state()).toEqual(before);
  });
});
