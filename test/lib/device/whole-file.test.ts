import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type NodeDeviceFs, openNodeDeviceFs } from '../../../src/lib/device/node-device-fs.js';
import { readWhole, writeWhole } from '../../../src/lib/device/whole-file.js';
import { failingFs } from '../../support/failing-fs.js';
import { type TestFolder, testFolder } from '../../support/folder.js';

let folder: TestFolder;
let fs: NodeDeviceFs;
beforeEach(async () => {
  folder = await testFolder();
  fs = await openNodeDeviceFs(folder.path, 255);
});
afterEach(async () => {
  await fs[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const text = async () => (await readWhole(fs, 'name', 1000, 'test'))?.toString();

test('cut at any step, the file is the old one or the new one', async () => {
  await writeWhole(fs, 'name', Buffer.from('old'));
  for (let step = 0; ; step++) {
    const cut = failingFs(fs, step);
    const done = await writeWhole(cut, 'name', Buffer.from(`new ${step}`)).then(
      () => true,
      () => false,
    );
    if (!cut.fired) {
      expect(done).toBe(true);
      expect(step).toBeGreaterThanOrEqual(4);
      break;
    }
    expect(done).toBe(false);
    expect(await text()).toBe((await fs.list()).includes('name.new') || step < 4 ? 'old' : `new ${step}`);
  }
});

test('what an interrupted write left behind does not show through', async () => {
  await writeFile(folder.file('name.new'), 'a long text that nobody finished');
  await writeWhole(fs, 'name', Buffer.from('short'));
  expect(await text()).toBe('short');
  expect(await fs.list()).toEqual(['name']);
});

test('one failure leaves the old file and nothing beside it', async () => {
  await writeWhole(fs, 'name', Buffer.from('old'));
  for (let step = 0; step < 4; step++) {
    const failing = failingFs(fs, step, { forGood: false });
    await expect(writeWhole(failing, 'name', Buffer.from('new'))).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect(await text()).toBe('old');
    expect(await fs.list()).toEqual(['name']);
  }
});

test('reading has a limit, and tells a missing file from an empty one', async () => {
  expect(await readWhole(fs, 'name', 10, 'test')).toBeUndefined();
  await writeWhole(fs, 'name', Buffer.alloc(0));
  expect(await readWhole(fs, 'name', 10, 'test')).toEqual(Buffer.alloc(0));
  await writeWhole(fs, 'name', Buffer.alloc(11));
  await expect(readWhole(fs, 'name', 10, 'test')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
});
