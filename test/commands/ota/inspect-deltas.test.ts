import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { otaInProcess } from '../in-process.js';
import { type PackageFolder, packageFolder } from './package-fixture.js';

let folder: PackageFolder;
beforeAll(async () => {
  folder = await packageFolder(otaInProcess);
  await folder.pack('--full', '--from-version', '3.6.0');
  await folder.ota('inspect', 'x.ota', '--extract', 'parts');
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('ota inspect', () => {
  test('explains the deltas of a package, and calls all of it unverified', async () => {
    const { stdout, status } = await folder.ota('inspect', 'x.ota', '--deltas');
    expect(status).toBe(0);
    expect(stdout).toMatch(/app-849ecc23.bsdf2: bsdf2, [\d.]+ KiB, UNVERIFIED\n/);
    expect(stdout).toMatch(/equal +9\d\.\d %, /);
    expect(stdout).toMatch(/diff +brotli +[\d,]+ bytes +[\d,]+ bytes/);
    const { deltas } = JSON.parse((await folder.ota('inspect', 'x.ota', '--deltas', '--json')).stdout);
    expect(deltas).toMatchObject([{ file: 'app-849ecc23.bsdf2', format: 'bsdf2', targetBytes: 102_432 }]);
    const plain = JSON.parse((await folder.ota('inspect', 'x.ota', '--json')).stdout);
    expect(plain).not.toHaveProperty('deltas'); // decoding what nobody vouches for has to be asked for
  });

  test('explains a bare patch', async () => {
    const patch = 'parts/app-849ecc23.bsdf2';
    const { stdout, status } = await folder.ota('inspect', patch, '--json', '--base', 'old.bin');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ verified: false, patch, covers: expect.any(Number) });
    expect(await folder.ota('inspect', patch, '--extract', 'p')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('is a patch, which has no parts'),
    });
  });

  test('says of a patch that looks damaged that the base may be another one', async () => {
    await folder.pack('--format', 'otad', '--out', 'otad.ota');
    await folder.ota('inspect', 'otad.ota', '--extract', 'otad-parts');
    await writeFile(folder.file('stranger.bin'), (await readFile(folder.file('old.bin'))).reverse());
    const patch = 'otad-parts/app-849ecc23.otad';
    const { stderr, status } = await folder.ota('inspect', patch, '--base', 'stranger.bin');
    expect(stderr).toContain('Make sure that stranger.bin is the image it was made for');
    expect(status).toBe(4);
    expect((await folder.ota('inspect', patch, '--base', 'old.bin')).status).toBe(0);
  });

  test('says when no delta applies to an image', async () => {
    const { stderr, status } = await folder.ota('inspect', 'x.ota', '--base', 'new.bin');
    expect(status).toBe(0);
    expect(stderr).toContain('warning: new.bin: no delta in the package applies to it');
  });
});
