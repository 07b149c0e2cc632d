import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileCounter } from '../../../src/lib/device/file-counter.js';
import { type TestFolder, testFolder } from '../../support/folder.js';

let folder: TestFolder;
let path: string;
beforeEach(async () => {
  folder = await testFolder();
  path = folder.file('counter');
});
afterEach(() => folder[Symbol.asyncDispose]());

test('starts at 0 and only rises', async () => {
  const counter = await FileCounter.create(path);
  expect(await counter.read()).toBe(0);
  await counter.raise(3);
  expect(await new FileCounter(path).read()).toBe(3);
  for (const wrong of [3, 2, -1, 3.5, 2 ** 53]) await expect(counter.raise(wrong)).rejects.toThrow(RangeError);
  expect(await readFile(path, 'utf8')).toBe('3\n');
});

test('made again it goes on from where it is', async () => {
  await writeFile(path, '7\n');
  expect(await (await FileCounter.create(path)).read()).toBe(7);
});

test('deleted it does not start again', async () => {
  const counter = await FileCounter.create(path);
  await rm(path);
  await expect(counter.read()).rejects.toMatchObject({ code: 'DEVICE_STATE_LOST' });
  await expect(counter.raise(1)).rejects.toMatchObject({ code: 'DEVICE_STATE_LOST' });
  await expect(readFile(path)).rejects.toThrow('ENOENT');
});

test.each(['', '1', '01\n', '-1\n', '1e3\n', ' 1\n', '9007199254740993\n', 'x', '1\n\n', '1'.repeat(100)])(
  'damaged to %j it is refused, not guessed',
  async (text) => {
    await writeFile(path, text);
    await expect(new FileCounter(path).read()).rejects.toMatchObject({ code: 'DEVICE_STATE_LOST' });
    await expect(FileCounter.create(path)).rejects.toMatchObject({ code: 'DEVICE_STATE_LOST' });
    expect(await readFile(path, 'utf8')).toBe(text);
  },
);
