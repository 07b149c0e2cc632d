import { readFile, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { createDelta } from '../../../src/lib/delta/create-delta.js';
import { writeRealFirmware } from '../../support/firmware.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { outcomeOf } from './forged-patch.js';

const job = (folder: TestFolder, outPath = folder.file('out.patch')) => ({
  format: 'bsdf2' as const,
  basePath: folder.file('old.bin'),
  targetPath: folder.file('new.bin'),
  outPath,
});

async function folderWith(old: Uint8Array | string, target: Uint8Array | string): Promise<TestFolder> {
  const folder = await testFolder();
  await writeFile(folder.file('old.bin'), old);
  await writeFile(folder.file('new.bin'), target);
  return folder;
}

describe('createDelta', () => {
  test('makes a bsdf2 patch of real firmware and says its size and what applying it takes', async () => {
    await using folder = await testFolder();
    await writeRealFirmware(folder.path, 'movehub');
    const reports: number[] = [];
    const result = await createDelta({ ...job(folder), onProgress: (done) => reports.push(done) });

    const patch = await readFile(folder.file('out.patch'));
    const [old, target] = await Promise.all([readFile(folder.file('old.bin')), readFile(folder.file('new.bin'))]);
    expect((await outcomeOf(patch, old, target.length)).yielded.equals(target)).toBe(true);
    expect(result.size).toBe(patch.length);
    expect(result.size).toBeLessThanOrEqual(5645);
    expect(result.applyMemoryBytes).toBeLessThan(32 * 1024 * 1024);
    expect(reports).toEqual(reports.toSorted((a, b) => a - b));
    expect(reports.at(-1)).toBe(1);
  });

  test.each([
    ['equal images', 'same', 'same'],
    ['images of one byte', 'a', 'b'],
    ['an old image of no byte', '', 'new'],
    ['a new image of no byte', 'old', ''],
    ['a much larger new image', 'x', 'y'.repeat(100_000)],
    ['a much smaller new image', 'y'.repeat(100_000), 'x'],
  ])('copes with %s', async (_, old, target) => {
    await using folder = await folderWith(old, target);
    await createDelta(job(folder));
    const { yielded } = await outcomeOf(await readFile(folder.file('out.patch')), Buffer.from(old), target.length);
    expect(yielded.toString()).toBe(target);
  });
});

describe('createDelta leaves the folder as it was', () => {
  test('when the output exists or is a link', async () => {
    await using folder = await folderWith('old', 'new');
    await writeFile(folder.file('taken'), 'precious');
    await symlink('elsewhere', folder.file('link'));
    const before = await folder.state().catch(() => undefined);
    await expect(createDelta(job(folder, folder.file('taken')))).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    await expect(createDelta(job(folder, folder.file('link')))).rejects.toMatchObject({ code: 'OUTPUT_SYMLINK' });
    expect(await folder.state().catch(() => undefined)).toEqual(before);
    expect(await readFile(folder.file('taken'), 'utf8')).toBe('precious');
  });

  test('when an image is missing or too large', async () => {
    await using folder = await folderWith('old', 'new');
    const before = await folder.state();
    await expect(createDelta({ ...job(folder), basePath: folder.file('none') })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('none'),
    });
    expect(await folder.state()).toEqual(before);
  });

  test('when it is interrupted half-way', async () => {
    await using folder = await testFolder();
    await writeRealFirmware(folder.path, 'primehub');
    const before = await folder.state();
    const abort = new AbortController();
    const reason = new OtaError('INTERRUPTED', 'Interrupted');
    const onProgress = (done: number) => {
      if (done > 0.1) abort.abort(reason);
    };
    await expect(createDelta({ ...job(folder), signal: abort.signal, onProgress })).rejects.toBe(reason);
    expect(await folder.state()).toEqual(before);
  });
});
