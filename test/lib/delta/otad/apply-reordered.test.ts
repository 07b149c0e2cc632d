import { readdir, readFile } from 'node:fs/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import { applyDelta } from '../../../../src/lib/delta/apply-delta.js';
import { createDelta } from '../../../../src/lib/delta/create-delta.js';
import { writeRealFirmware } from '../../../support/firmware.js';
import { testFolder } from '../../../support/folder.js';

afterEach(() => vi.unstubAllEnvs());

test('a patch for a single slot also makes its image in order, and leaves no file behind', async () => {
  await using folder = await testFolder();
  await writeRealFirmware(folder.path, 'movehub');
  const paths = { basePath: folder.file('old.bin'), targetPath: folder.file('new.bin'), outPath: folder.file('patch') };
  await createDelta({ format: 'otad-inplace', ...paths, inPlace: { blockBytes: 4096 }, effort: 'fast' });
  const [patch, base, target] = await Promise.all(
    ['patch', 'old.bin', 'new.bin'].map((name) => readFile(folder.file(name))),
  );
  vi.stubEnv('TMPDIR', folder.path);
  const before = await readdir(folder.path);
  const apply = async (bytes: Uint8Array) => {
    const made: Buffer[] = [];
    const options = {
      patch: memoryAccess(bytes, 'patch'),
      base: memoryAccess(base!, 'old.bin'),
      targetSize: target!.length,
    };
    for await (const piece of applyDelta({ format: 'otad-inplace', ...options })) made.push(Buffer.from(piece));
    return Buffer.concat(made);
  };
  expect((await apply(patch!)).equals(target!)).toBe(true);
  const damaged = Buffer.from(patch!);
  damaged[damaged.length - 100]! ^= 1;
  await expect(apply(damaged)).rejects.toMatchObject({ code: 'PATCH_INVALID' });
  expect(await readdir(folder.path)).toEqual(before);
});
