import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import bsdiffNode from 'bsdiff-node';
import { describe, expect, test } from 'vitest';
import { createDelta } from '../../src/lib/delta/create-delta.js';
import { outcomeOf } from '../lib/delta/forged-patch.js';
import { realFirmware } from '../support/firmware.js';
import { type TestFolder, testFolder } from '../support/folder.js';

const run = promisify(execFile);
const text = (length: number, step: number) => Uint8Array.from({ length }, (_, i) => (i * step) % 251);

const pairs: [name: string, images: () => Promise<{ old: Uint8Array; new: Uint8Array }>][] = [
  ['movehub', () => realFirmware('movehub')],
  ['primehub', () => realFirmware('primehub')],
  ['movehub, back to the older release', async () => swapped(await realFirmware('movehub'))],
  ['equal images', async () => ({ old: text(5000, 7), new: text(5000, 7) })],
  ['one byte', async () => ({ old: Uint8Array.of(1), new: Uint8Array.of(2) })],
  ['a larger image', async () => ({ old: text(300, 7), new: text(70_000, 11) })],
  ['a smaller image', async () => ({ old: text(70_000, 11), new: text(300, 7) })],
  ['long runs', async () => ({ old: new Uint8Array(40_000), new: new Uint8Array(70_000).fill(1, 9, 20) })],
];

/** The first ones are real firmware; of the others little more than headers is packed. */
const FIRMWARE_PAIRS = 3;

const swapped = (images: { old: Uint8Array; new: Uint8Array }) => ({ old: images.new, new: images.old });

async function folderWith(images: { old: Uint8Array; new: Uint8Array }): Promise<TestFolder> {
  const folder = await testFolder();
  await writeFile(folder.file('old.bin'), images.old);
  await writeFile(folder.file('new.bin'), images.new);
  return folder;
}

describe.each(pairs)('%s', (_, load) => {
  test("our bsdiff40 patch is applied by Debian's bspatch and by bsdiff-node", async () => {
    const images = await load();
    await using folder = await folderWith(images);
    const [basePath, targetPath, outPath] = [folder.file('old.bin'), folder.file('new.bin'), folder.file('patch')];
    await createDelta({ format: 'bsdiff40', basePath, targetPath, outPath });
    await run('bspatch', [basePath, folder.file('made.bin'), outPath]);
    expect((await readFile(folder.file('made.bin'))).equals(images.new)).toBe(true);
    await bsdiffNode.patch(basePath, folder.file('made-too.bin'), outPath);
    expect((await readFile(folder.file('made-too.bin'))).equals(images.new)).toBe(true);
  });

  test("the patch of Debian's bsdiff is applied by us", async () => {
    const images = await load();
    await using folder = await folderWith(images);
    await run('bsdiff', [folder.file('old.bin'), folder.file('new.bin'), folder.file('patch')]);
    const patch = await readFile(folder.file('patch'));
    const { yielded, error } = await outcomeOf(patch, images.old, images.new.length, 'bsdiff40');
    expect(error).toBeUndefined();
    expect(yielded.equals(images.new)).toBe(true);
  });
});

test.each(pairs.slice(0, FIRMWARE_PAIRS))(
  'our bsdiff40 patch of %s is smaller than that of bsdiff-node, which we apply as well',
  async (_, load) => {
    const images = await load();
    await using folder = await folderWith(images);
    const [basePath, targetPath, outPath] = [folder.file('old.bin'), folder.file('new.bin'), folder.file('patch')];
    await bsdiffNode.diff(basePath, targetPath, folder.file('theirs'));
    const theirs = await readFile(folder.file('theirs'));
    const { size } = await createDelta({ format: 'bsdiff40', basePath, targetPath, outPath });
    expect(size).toBeLessThan(theirs.length);
    const { yielded } = await outcomeOf(theirs, images.old, images.new.length, 'bsdiff40');
    expect(yielded.equals(images.new)).toBe(true);
  },
);
