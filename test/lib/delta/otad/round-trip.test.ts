import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { createDelta } from '../../../../src/lib/delta/create-delta.js';
import { CODERS } from '../../../../src/lib/delta/formats.js';
import { writeRealFirmware } from '../../../support/firmware.js';
import { testFolder } from '../../../support/folder.js';
import { outcomeOf } from '../forged-patch.js';

describe('an otad patch made for', () => {
  test.each(CODERS)('real firmware, packed with %s, gives the image', async (coder) => {
    await using folder = await testFolder();
    await writeRealFirmware(folder.path, 'movehub');
    const paths = { basePath: folder.file('old.bin'), targetPath: folder.file('new.bin') };
    const made = await createDelta({ format: 'otad', ...paths, outPath: folder.file('patch'), coder });
    const [old, target] = await Promise.all([readFile(paths.basePath), readFile(paths.targetPath)]);
    const patch = await readFile(folder.file('patch'));
    const { yielded, error } = await outcomeOf(patch, old, target.length, 'otad');
    expect(error).toBeUndefined();
    expect(yielded.equals(target)).toBe(true);
    expect(made).toMatchObject({ size: patch.length, storageBytes: 0 });
  });

  test.each([
    ['equal images', 'same', 'same'],
    ['images of one byte', 'a', 'b'],
    ['an old image of no byte', '', 'new'],
    ['a new image of no byte', 'old', ''],
    ['a much larger new image', 'x', 'y'.repeat(100_000)],
    ['a much smaller new image', 'y'.repeat(100_000), 'x'],
  ])('%s gives the new one', async (_, old, target) => {
    await using folder = await testFolder();
    await writeFile(folder.file('old.bin'), old);
    await writeFile(folder.file('new.bin'), target);
    const paths = { basePath: folder.file('old.bin'), targetPath: folder.file('new.bin') };
    await createDelta({ format: 'otad', ...paths, outPath: folder.file('patch') });
    const patch = await readFile(folder.file('patch'));
    const { yielded, error } = await outcomeOf(patch, Buffer.from(old), target.length, 'otad');
    expect(error).toBeUndefined();
    expect(yielded.toString()).toBe(target);
  });
});
