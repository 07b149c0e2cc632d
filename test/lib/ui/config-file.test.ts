import { chmod, chown, lchown, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findProfile, findProjectFile, refuseForeignFile, refuseSharedFile } from '../../../src/lib/ui/config-file.js';

const OWNER = process.getuid?.() || 4711;

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-config-file-'));
  path = join(folder, 'ota.config.json');
  await writeFile(path, '{}', { mode: 0o644 });
  if (process.getuid?.() === 0) await chown(path, OWNER, OWNER);
});
afterEach(() => rm(folder, { recursive: true }));

test('the nearest project file above the directory counts', () => {
  expect(findProjectFile(join(folder, 'deep', 'er'))).toBe(path);
  expect(findProjectFile(folder)).toBe(path);
  expect(findProjectFile('/')).toBeUndefined();
});

test('the profile is looked for below XDG_CONFIG_HOME, which must be absolute', () => {
  expect(findProfile({ XDG_CONFIG_HOME: folder })).toBeUndefined();
  expect(findProfile({ XDG_CONFIG_HOME: 'relative' })).toBeUndefined();
});

describe('a project file', () => {
  test('of the user is accepted, to root also that of the owner of the directory', async () => {
    await refuseForeignFile(path, folder, OWNER);
    if (process.getuid?.() === 0) await chown(folder, OWNER, OWNER);
    await refuseForeignFile(path, folder, 0);
  });

  test('that another user left above a directory of root is refused to root', async () => {
    await expect(refuseForeignFile(path, '/', 0)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test("that is another user's link to a trusted file is refused: the link can change before it is read", async () => {
    const link = join(folder, 'link');
    await symlink('/etc/passwd', link);
    if (process.getuid?.() === 0) await lchown(link, OWNER, OWNER);
    await expect(refuseForeignFile(link, folder, OWNER + 1)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('that another user left in a folder above is refused: it could choose the trusted keys', async () => {
    await expect(refuseForeignFile(path, folder, OWNER + 1)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `${path}: belongs to another user`,
    });
  });

  test('that everybody can change is refused', async () => {
    await chmod(path, 0o666);
    await expect(refuseForeignFile(path, folder, OWNER)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

test.each([0o640, 0o604, 0o644])('a profile of mode %o is refused', async (mode) => {
  await chmod(path, 0o600);
  await refuseSharedFile(path);
  await chmod(path, mode);
  await expect(refuseSharedFile(path)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
