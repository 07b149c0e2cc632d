import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
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
  test('of the user, or read by root, is accepted', async () => {
    await refuseForeignFile(path, OWNER);
    await refuseForeignFile(path, 0);
  });

  test('that another user left in a folder above is refused: it could choose the trusted keys', async () => {
    await expect(refuseForeignFile(path, OWNER + 1)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `${path}: belongs to another user`,
    });
  });

  test('that everybody can change is refused', async () => {
    await chmod(path, 0o666);
    await expect(refuseForeignFile(path, OWNER)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

test.each([0o640, 0o604, 0o644])('a profile of mode %o is refused', async (mode) => {
  await chmod(path, 0o600);
  await refuseSharedFile(path);
  await chmod(path, mode);
  await expect(refuseSharedFile(path)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
