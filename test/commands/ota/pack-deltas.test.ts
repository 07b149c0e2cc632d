import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PackReport } from '../../../src/lib/package/pack-report.js';
import { otaInProcess } from '../in-process.js';
import { type PackageFolder, packageFolder } from './package-fixture.js';

let folder: PackageFolder;
beforeAll(async () => {
  folder = await packageFolder(otaInProcess);
  // The first part is enough to choose by, and takes a fifth of the time.
  for (const name of ['old.bin', 'new.bin']) {
    const image = await readFile(folder.file(name));
    await writeFile(folder.file(name), image.subarray(0, 20_000));
  }
});
afterAll(() => folder[Symbol.asyncDispose]());

const packed = async (...args: string[]): Promise<PackReport> => {
  const { stdout, stderr, status } = await folder.pack('--json', '--force', ...args);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
};

describe('ota pack --format auto', () => {
  test('packs the smallest delta that the devices apply, and says what else was made', async () => {
    const { payloads, choices } = await packed('--format', 'auto', '--out', 'auto.ota');
    expect(payloads).toHaveLength(1);
    const [{ base, made, format, size }] = choices as [PackReport['choices'][number]];
    expect(base).toMatchObject({ name: 'old.bin', size: 20_000 });
    expect(made.map((delta) => delta.format)).toEqual(expect.arrayContaining(['otad', 'bsdf2']));
    expect(size).toBe(Math.min(...made.map((delta) => delta.size)));
    const { applyMemoryBytes, storageBytes } = made[0]!;
    expect(payloads[0]).toMatchObject({ format, size, applyMemoryBytes, storageBytes });
    expect(format).toBe('otad');
    expect(storageBytes).toBe(0);
  });

  test.each([
    ['full,bsdf2', 'bsdf2'],
    ['bsdiff40,full', 'bsdiff40'],
    ['otad,full', 'otad'],
  ])('makes nothing but what devices apply: %s', async (formats, format) => {
    const { choices, payloads } = await packed('--format', 'auto', '--device-formats', formats, '--dry-run');
    expect(choices[0]!.made.map((delta) => delta.format)).toEqual([format]);
    if (format !== 'otad') expect(payloads[0]!.storageBytes).toBe(payloads[0]!.size);
  });

  test('packs the full image where no delta is smaller, and says so', async () => {
    await writeFile(folder.file('noise.bin'), await readFile(folder.file('a.key')));
    await writeFile(folder.file('tiny.bin'), 'tiny');
    const images = ['--from', 'tiny=noise.bin', '--to', 'tiny=tiny.bin'];
    const { stdout, stderr } = await folder.pack('--format', 'auto', '--json', '--force', ...images);
    const { choices, payloads } = JSON.parse(stdout) as PackReport;
    expect(payloads.map(({ component, format }) => `${component} ${format}`)).toEqual(['app otad', 'tiny full']);
    expect(choices[1]).toMatchObject({ component: 'tiny', format: 'full', size: 4 });
    expect(stderr).toMatch(
      /noise.bin: a delta of \d+ bytes \(\w+\) is no smaller than the full image of tiny, 4 bytes/,
    );
    const applied = ['--base', 'app=old.bin', '--out', 'app=a.out', '--out', 'tiny=t.out', '--force'];
    expect(await folder.ota('apply', 'x.ota', '--key', 'a.pub', ...applied)).toMatchObject({ status: 0 });
    expect(await readFile(folder.file('t.out'), 'utf8')).toBe('tiny');
  });

  test('makes the same bytes from the same inputs', async () => {
    await packed('--format', 'otad', '--out', 'again.ota', '--check-reproducible');
    const first = await readFile(folder.file('again.ota'));
    await packed('--format', 'otad', '--out', 'again.ota');
    expect((await readFile(folder.file('again.ota'))).equals(first)).toBe(true);
  });

  test('leaves only the chosen delta of a base in the package', async () => {
    const { files } = await packed('--format', 'auto', '--full', '--split', '--out', 'split.ota');
    const base = createHash('sha256')
      .update(await readFile(folder.file('old.bin')))
      .digest('hex')
      .slice(0, 8);
    expect(files.map(({ path }) => path)).toEqual(['split.ota', `split-${base}.ota`, 'split-full.ota']);
    expect(files[1]!.payloads).toEqual([`app-${base}.otad`]);
  });
});

describe('ota pack refuses', () => {
  test.each<[string, string[], RegExp]>([
    [
      'a format that the devices do not apply',
      ['--format', 'otad', '--device-formats', 'full,bsdf2'],
      /--format otad: the devices apply full, bsdf2 only/,
    ],
    [
      'deltas where the devices apply full images alone',
      ['--format', 'auto', '--device-formats', 'full'],
      /the devices apply full, none of which a delta here could have/,
    ],
    [
      'a full image that the devices do not apply',
      ['--full', '--format', 'auto', '--device-formats', 'otad'],
      /--full: the devices apply otad only/,
    ],
    [
      'to write over the slot with a format that needs two',
      ['--in-place', '--format', 'bsdf2'],
      /--in-place: a delta of format bsdf2 needs a second slot/,
    ],
    [
      'to write over the slot of devices that cannot',
      ['--in-place', '--format', 'auto', '--device-formats', 'full,otad'],
      /--in-place: the devices apply full, otad only/,
    ],
    [
      'a coder that cannot go on after a power cut',
      ['--in-place', '--format', 'auto', '--coder', 'mix'],
      /--coder mix: an update in place goes on after a power cut/,
    ],
    [
      'a block that no flash has',
      ['--in-place', '--format', 'auto', '--erase-block', '3000'],
      /3000 bytes is no power of two/,
    ],
    [
      'a coder for a format without that choice',
      ['--coder', 'lzma'],
      /--coder is for otad deltas: .*bsdf2 has no choice/,
    ],
    [
      'a machine where no delta would know it',
      ['--format', 'auto', '--device-formats', 'full,bsdf2', '--machine', 'thumb'],
      /--machine is for otad deltas: the devices apply full, bsdf2 only/,
    ],
    ['a machine that is none', ['--format', 'otad', '--machine', 'z80'], /"z80" is no known instruction set/],
    ['an address that is none', ['--format', 'otad', '--base-address', '0xno'], /"0xno" is no address/],
    [
      'a machine of a component without image',
      ['--machine', 'modem=thumb', '--format', 'otad'],
      /component modem, which has no --to/,
    ],
    ['to repack by a format that does nothing else', ['--format', 'otad-repack', '--repack', 'off'], /--repack off/],
    [
      'a block without a slot to write over',
      ['--format', 'otad', '--erase-block', '4KiB'],
      /--erase-block is for devices with a single slot/,
    ],
  ])('%s', async (_, args, message) => {
    const before = await folder.state();
    const { status, stderr } = await folder.pack('--out', 'refused.ota', ...args);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
    expect(await folder.state()).toEqual(before);
  });
});

describe('ota pack --max-memory', () => {
  test.each(['otad', 'bsdf2', 'bsdiff40'])(
    'is refused for %s with what is needed, before anything is made',
    async (format) => {
      const before = await folder.state();
      const { status, stderr } = await folder.pack('--out', 'refused.ota', '--format', format, '--max-memory', '1MB');
      expect(stderr).toMatch(
        new RegExp(
          `delta of format ${format} .* is made with \\d+ bytes \\(\\d+ MiB\\) of memory at least, .*; 1000000 bytes \\(977 KiB\\) are allowed`,
        ),
      );
      expect(status).toBe(9);
      expect(await folder.state()).toEqual(before);
    },
  );

  test('what is needed is told before a delta is made, and stays within what is allowed', async () => {
    const words = ['--format', 'otad', '--max-memory', '160MiB'];
    const { choices } = await packed(...words, '--out', 'bounded.ota');
    const { makingMemoryBytes } = choices[0]!.made[0]!;
    expect(makingMemoryBytes).toBeLessThanOrEqual(160 * 2 ** 20);
    const { stderr } = await folder.pack(...words, '--out', 'told.ota');
    expect(stderr).toMatch(/Making app-[0-9a-f]{8}\.otad takes up to [\d.]+ MiB of memory\n/);
  });

  test('what is announced counts a format that was tried and passed over', async () => {
    const words = ['--format', 'auto', '--repack', 'auto'];
    const { choices } = await packed(...words, '--out', 'tried.ota');
    const { made, makingMemoryBytes } = choices[0]!;
    expect(made.map(({ format }) => format)).not.toContain('otad-repack');
    expect(makingMemoryBytes).toBeGreaterThan(Math.max(...made.map((delta) => delta.makingMemoryBytes)));
    const { stderr } = await folder.pack(...words, '--out', 'told-twice.ota');
    // once: the formats tried after it take less
    expect(stderr.match(/Making .*/g)).toEqual([
      expect.stringMatching(/^Making app-[0-9a-f]{8}\.otad-repack takes an estimated [\d.]+ MiB of memory$/),
    ]);
  });

  test('formats that do not fit are left out where another does, and that is said', async () => {
    const words = ['--format', 'auto', '--repack', 'auto', '--max-memory', '160MiB'];
    const { choices, warnings } = await packed(...words, '--out', 'left.ota');
    expect(choices[0]!.made.map(({ format }) => format)).not.toContain('otad-repack');
    expect(warnings.join()).toMatch(
      /Left out: a delta of format otad-repack .* 167772160 bytes \(160 MiB\) are allowed/,
    );
  });
});

describe('ota pack --in-place', () => {
  const applied = async (base: string) => {
    const words = ['--key', 'a.pub', '--base', base, '--out', 'made.bin', '--force'];
    expect(await folder.ota('verify', 'some.ota', '--key', 'a.pub', '--base', base)).toMatchObject({ status: 0 });
    expect(await folder.ota('apply', 'some.ota', ...words)).toMatchObject({ status: 0 });
    return await readFile(folder.file('made.bin'));
  };

  test('a delta for a single slot tells the space it needs, and makes the image in a file too', async () => {
    const single = ['--format', 'auto', '--in-place', '--erase-block', '1KiB', '--spare-space', '2KiB'];
    const { payloads } = await packed(...single, '--out', 'some.ota');
    expect(payloads[0]!.format).toBe('otad-inplace');
    expect(payloads[0]!.storageBytes).toBeLessThanOrEqual(2048);
    expect((await applied('old.bin')).equals(await readFile(folder.file('new.bin')))).toBe(true);
  });
});
