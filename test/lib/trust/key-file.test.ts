import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isReadableByOthers, keyPairPaths, refuseExisting, writeKeyPair } from '../../../src/lib/trust/key-file.js';
import { generatePrivateKey } from '../../../src/lib/trust/private-key.js';
import { readPublicKey } from '../../../src/lib/trust/public-key.js';
import { openFileSigner } from '../../../src/lib/trust/signer.js';
import { noPassphrase } from './keys.js';

const key = generatePrivateKey({ isTest: false });
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ota-keys-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('writeKeyPair', () => {
  test('the private file is for its owner only; both are read back', async () => {
    const paths = keyPairPaths(join(directory, 'release'));
    await writeKeyPair(paths, key);
    expect((await stat(paths.privatePath)).mode & 0o777).toBe(0o600);
    expect((await stat(paths.publicPath)).mode & 0o777).toBe(0o644);
    expect(await readPublicKey(paths.publicPath)).toEqual(key.publicKey);
    expect((await openFileSigner(paths.privatePath, noPassphrase)).publicKey).toEqual(key.publicKey);
  });

  test.each(['release.key', 'release.pub'])(
    'never replaces %s without force, and then writes neither',
    async (name) => {
      await writeFile(join(directory, name), 'precious');
      const paths = keyPairPaths(join(directory, 'release'));
      await expect(refuseExisting(paths)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
      await expect(writeKeyPair(paths, key)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
      expect(await readdir(directory)).toEqual([name]);
      expect(await readFile(join(directory, name), 'utf8')).toBe('precious');
    },
  );

  test('with force both are replaced, with the right modes', async () => {
    const paths = keyPairPaths(join(directory, 'release'));
    for (const path of Object.values(paths)) await writeFile(path, 'old', { mode: 0o666 });
    await writeKeyPair(paths, key, { force: true });
    expect((await stat(paths.privatePath)).mode & 0o777).toBe(0o600);
    expect(await readPublicKey(paths.publicPath)).toEqual(key.publicKey);
  });

  test('a symlink is not followed, even with force', async () => {
    const elsewhere = join(directory, 'elsewhere');
    await writeFile(elsewhere, 'precious');
    const paths = keyPairPaths(join(directory, 'release'));
    await symlink(elsewhere, paths.privatePath);
    await expect(writeKeyPair(paths, key, { force: true })).rejects.toMatchObject({ code: 'OUTPUT_SYMLINK' });
    expect(await readFile(elsewhere, 'utf8')).toBe('precious');
  });
});

test('release, release.key and release.pub name the same pair', () => {
  const pair = { privatePath: 'k/release.key', publicPath: 'k/release.pub' };
  for (const name of ['k/release', 'k/release.key', 'k/release.pub']) expect(keyPairPaths(name)).toEqual(pair);
});

test('isReadableByOthers sees group and other bits', async () => {
  const path = join(directory, 'a.key');
  await writeFile(path, '');
  for (const [mode, exposed] of [
    [0o600, false],
    [0o400, false],
    [0o640, true],
    [0o604, true],
  ] as const) {
    await chmod(path, mode);
    expect(await isReadableByOthers(path)).toBe(exposed);
  }
  await expect(isReadableByOthers(join(directory, 'none'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
