import { statSync } from 'node:fs';
import { copyFile, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../../../src/lib/core/sha256.js';
import { parseOptions } from '../../../../src/lib/delta/standalone/options.js';
import { realFirmware, writeRealFirmware } from '../../../support/firmware.js';
import { type TestFolder, testFolder } from '../../../support/folder.js';
import { applierFile, runApplier } from '../../../support/standalone-applier.js';

const patches = join(import.meta.dirname, '../../../fixtures/patches');
const PATCH = join(patches, 'movehub.brotli.bsdf2');
let old: Uint8Array;
let target: Uint8Array;

beforeAll(async () => {
  ({ old, new: target } = await realFirmware('movehub'));
});

async function slots(): Promise<TestFolder> {
  const folder = await testFolder();
  await writeRealFirmware(folder.path, 'movehub');
  return folder;
}

/** `changed` replaces options; undefined leaves one away, true is a flag. */
function args(folder: TestFolder, changed: Record<string, string | true | undefined> = {}): string[] {
  const all: Record<string, string | true | undefined> = {
    format: 'bsdf2',
    patch: PATCH,
    base: folder.file('old.bin'),
    out: folder.file('made.bin'),
    'target-size': String(target.length),
    'target-sha256': sha256Hex(target),
    'base-sha256': sha256Hex(old),
    ...changed,
  };
  return Object.entries(all).flatMap(([name, value]) => {
    if (value === undefined) return [];
    return value === true ? [`--${name}`] : [`--${name}`, value];
  });
}

describe('dist/apply.mjs', () => {
  test('is one file of at most 60 kB', () => {
    expect(statSync(applierFile).size).toBeLessThanOrEqual(60_000);
  });

  test.each([
    ['bsdf2', 'movehub.brotli.bsdf2'],
    ['bsdf2', 'movehub.bzip2-brotli-none.bsdf2'],
    ['bsdiff40', 'movehub.bsdiff40'],
  ])('makes the image from a %s patch, %s', async (format, name) => {
    await using folder = await slots();
    const { status, stdout, stderr } = await runApplier(args(folder, { format, patch: join(patches, name) }));
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: '',
      stderr: `apply: ${target.length} bytes with SHA-256 ${sha256Hex(target)}: ${target.length} written\n`,
    });
    expect((await readFile(folder.file('made.bin'))).equals(target)).toBe(true);
    expect(Object.keys(await folder.state())).toHaveLength(3);
  });

  test('says how it is used', async () => {
    const { status, stdout } = await runApplier(['--help']);
    expect(status).toBe(0);
    expect(stdout).toContain('usage: node apply.mjs --format FORMAT');
    expect(stdout).toContain('exit status: 0 done');
  });
});

describe('dist/apply.mjs refuses, and leaves every file as it was', () => {
  test.each<[what: string, changed: Record<string, string | true | undefined>, status: number, message: string]>([
    ['another base', { 'base-sha256': '0'.repeat(64) }, 5, 'old.bin: SHA-256 is'],
    ['a result with another hash', { 'target-sha256': '0'.repeat(64) }, 4, 'made.bin.part: SHA-256 is'],
    ['a patch for another size', { 'target-size': '5' }, 4, 'the metadata promises 5'],
    ['a patch of another format', { format: 'bsdiff40' }, 4, 'not a bsdiff40 patch'],
    ['a missing patch', { patch: '/nonexistent' }, 16, '/nonexistent: no such file'],
    ['a base that is smaller than it should be', { 'base-size': '999999999' }, 5, 'has 102232 bytes'],
    ['a directory', { base: '/' }, 6, '/: is neither a file nor a block device'],
  ])('%s', async (_, changed, status, message) => {
    await using folder = await slots();
    const before = await folder.state();
    const result = await runApplier(args(folder, changed));
    expect(result.stderr).toContain(message);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(await folder.state()).toEqual(before);
  });

  test('a wrong command line', async () => {
    const { status, stdout, stderr } = await runApplier(['--format', 'zip']);
    expect({ status, stdout, stderr }).toMatchObject({ status: 2, stdout: '' });
    expect(stderr).toContain('apply: --format zip is unknown\n  Run with --help');
  });

  test('an output that exists', async () => {
    await using folder = await slots();
    await writeFile(folder.file('made.bin'), 'precious');
    const before = await folder.state();
    for (const resume of [undefined, true] as const) {
      expect(await runApplier(args(folder, { resume }))).toMatchObject({ status: 8 });
      expect(await folder.state()).toEqual(before);
    }
  });

  test.each(['base', 'patch'])('a %s that lies where it would write aside', async (source) => {
    await using folder = await slots();
    await copyFile(source === 'base' ? folder.file('old.bin') : PATCH, folder.file('made.bin.part'));
    const before = await folder.state();
    for (const resume of [undefined, true] as const) {
      const result = await runApplier(args(folder, { [source]: folder.file('made.bin.part'), resume }));
      expect(result.stderr).toContain(`made.bin.part: is the ${source}`);
      expect(result).toMatchObject({ status: 2 });
      expect(await folder.state()).toEqual(before);
    }
  });

  test('a symbolic link where it would write', async () => {
    await using folder = await slots();
    await writeFile(folder.file('precious'), 'precious');
    await symlink(folder.file('precious'), folder.file('made.bin.part'));
    const before = await folder.state();
    expect(await runApplier(args(folder))).toMatchObject({ status: 6 });
    expect(await folder.state()).toEqual(before);
  });
});

describe('dist/apply.mjs --resume', () => {
  test('keeps what is right and writes the rest', async () => {
    await using folder = await slots();
    const half = Buffer.from(target.subarray(0, 70_000));
    half[60_000]! ^= 1;
    await writeFile(folder.file('made.bin.part'), half);
    const { status, stderr } = await runApplier(args(folder, { resume: true }));
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect((await readFile(folder.file('made.bin'))).equals(target)).toBe(true);
  });

  test('has nothing to do when the image is there already', async () => {
    await using folder = await slots();
    await writeFile(folder.file('made.bin'), target);
    const before = await folder.state();
    const { status, stderr } = await runApplier(args(folder, { resume: true }));
    expect({ status, stderr }).toMatchObject({
      status: 0,
      stderr: expect.stringContaining(`0 written, ${target.length} were right already`),
    });
    expect(await folder.state()).toEqual(before);
  });

  test('cuts what is longer than the image', async () => {
    await using folder = await slots();
    await writeFile(folder.file('made.bin.part'), Buffer.concat([target, Buffer.alloc(5000)]));
    expect(await runApplier(args(folder, { resume: true }))).toMatchObject({ status: 0 });
    expect((await readFile(folder.file('made.bin'))).equals(target)).toBe(true);
  });
});

test.each<[what: string, changed: Record<string, string | true | undefined>, message: string]>([
  ['a missing option', { patch: undefined }, '--patch is missing'],
  ['an unknown option', { frobnicate: true }, "Unknown option '--frobnicate'"],
  ['an unknown format', { format: 'zip' }, '--format zip is unknown'],
  ['a format that needs encoders', { format: 'otad-repack' }, 'needs the encoders of the compressed parts'],
  [
    'an unknown image in place',
    { 'in-place': true, format: undefined, base: undefined, 'base-sha256': undefined },
    'tell its --base-sha256',
  ],
  ['two slots in place', { 'in-place': true, format: undefined }, '--base must be left away'],
  ['a size that is none', { 'target-size': '1e3' }, '--target-size is 1e3'],
  ['a hash that is none', { 'target-sha256': 'abc' }, 'expected 64 hexadecimal digits'],
  ['a format for one slot with two', { format: 'otad-inplace' }, '--in-place and --format otad-inplace go together'],
])('a command line with %s is refused', (_, changed, message) => {
  const line = args({ path: '', file: (name: string) => `/slots/${name}` } as TestFolder, changed);
  expect(() => parseOptions(line)).toThrow(
    expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(message) }),
  );
});
