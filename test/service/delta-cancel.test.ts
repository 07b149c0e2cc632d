import { execFileSync } from 'node:child_process';
import { watch } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliResult, runCli } from '../support/cli.js';
import { realFirmware } from '../support/firmware.js';
import { type TestFolder, testFolder } from '../support/folder.js';

const IMAGE_BYTES = 6 * 1024 ** 2;

let folder: TestFolder;
beforeAll(async () => {
  folder = await testFolder();
  const { old, new: target } = await realFirmware('primehub');
  // Far more work than an answer to a signal: what is cancelled must not have ended by itself.
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

/** A command that is making deltas. */
async function atWork(name: string, args: string[]) {
  const temporary = folder.file(`tmp-${name}`);
  await mkdir(temporary);
  const cancel = new AbortController();
  const ended = runCli('ota', args, { cwd: folder.path, env: { TMPDIR: temporary }, signal: cancel.signal });
  const begun = new Promise<void>((resolve) => {
    const watcher = watch(temporary, { recursive: true }, async () => {
      if ((await readdir(temporary, { recursive: true })).length < 2) return; // the private folder, and a patch in it
      watcher.close();
      resolve();
    });
  });
  await Promise.race([begun, ended]);
  return {
    cancelled: async (signal: Signal): Promise<CliResult & { left: string[] }> => {
      cancel.abort(signal);
      return { ...(await ended), left: await readdir(temporary, { recursive: true }) };
    },
  };
}

type Signal = 'SIGINT' | 'SIGTERM';

/**
 * The same work is begun twice, and what began first gets its signal only when the other one has
 * ended: that it still has something to cancel shows that the other did not wait for its work.
 */
async function cancelledBeforeDone(name: string, args: string[], signal: Signal) {
  const first = await atWork(`${name}-first`, args);
  const second = await atWork(`${name}-second`, args);
  const result = await second.cancelled(signal);
  return { ...result, outlastedBy: await first.cancelled(signal) };
}

const RELEASE = '--product p --model m --version 2.0.0 --sequence 2 --out out.ota'.split(' ');

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (signal, status) => {
  const nothing = { status, left: [], stdout: '' };

  test.each(['bsdf2', 'otad', 'bsdiff40'])(
    'ends packing a delta of format %s at once, and leaves nothing',
    async (format) => {
      const images = ['--from', 'old.bin', '--to', 'new.bin', '--format', format];
      const before = await folder.state();
      const ended = await cancelledBeforeDone(`${signal}-${format}`, ['pack', ...images, ...RELEASE], signal);
      expect(ended).toMatchObject({ ...nothing, outlastedBy: nothing });
      expect(ended.stderr).toMatch(/^error: /m);
      expect(await folder.state()).toEqual(before);
    },
  );

  test('ends packing through compressed parts, with native code at work, and leaves nothing', async () => {
    const images = ['--from', 'old.bin.xz', '--to', 'new.bin.xz', '--format', 'otad-repack'];
    const before = await folder.state();
    const ended = await cancelledBeforeDone(`${signal}-repack`, ['pack', ...images, ...RELEASE], signal);
    expect(ended).toMatchObject({ ...nothing, outlastedBy: nothing });
    expect(await folder.state()).toEqual(before);
  });

  test('ends a matrix at once, with all that is made beside each other', async () => {
    const images = ['--from', 'old.bin', 'older.bin', '--to', 'new.bin', '--chart', 'chart.svg'];
    const before = await folder.state();
    const matrix = ['matrix', ...images, '--formats', 'bsdf2,otad'];
    const ended = await cancelledBeforeDone(`${signal}-matrix`, matrix, signal);
    expect(ended).toMatchObject({ ...nothing, outlastedBy: nothing });
    expect(await folder.state()).toEqual(before);
  });
});
