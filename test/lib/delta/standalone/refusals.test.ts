import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { OtaError } from '../../../../src/lib/core/errors.js';
import { sha256Hex } from '../../../../src/lib/core/sha256.js';
import { CODERS, type Coder } from '../../../../src/lib/delta/formats.js';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import { encodeOtad } from '../../../../src/lib/delta/otad/encode-otad.js';
import { applyPatch } from '../../../../src/lib/delta/standalone/apply-patch.js';
import { deviceAdvice } from '../../../../src/lib/delta/standalone/device-advice.js';
import { parseOptions } from '../../../../src/lib/delta/standalone/options.js';
import { realFirmware } from '../../../support/firmware.js';
import { type TestFolder, testFolder } from '../../../support/folder.js';

const BSDF2 = join(import.meta.dirname, '../../../fixtures/patches/movehub.brotli.bsdf2');
const BLOCK_BYTES = 4096;

let old: Uint8Array;
let target: Uint8Array;
/** As long as the base, and nothing like it. */
let stranger: Uint8Array;
const patches: Record<string, Uint8Array> = {};
let folder: TestFolder;

beforeAll(async () => {
  ({ old, new: target } = await realFirmware('movehub'));
  const [from, to] = [imageInMemory(old), imageInMemory(target)];
  for (const coder of CODERS) {
    patches[coder] = Buffer.concat(await encodeOtad(from, to, { coder }, () => undefined));
  }
  const inPlace = { blockBytes: BLOCK_BYTES, spaceBytes: BLOCK_BYTES };
  patches['in-place'] = Buffer.concat(await encodeOtad(from, to, { coder: 'lzma', inPlace }, () => undefined));
  stranger = (await realFirmware('primehub')).old.subarray(0, old.length);
});
beforeEach(async () => {
  folder = await testFolder();
  await writeFile(folder.file('old.bin'), old);
  await writeFile(folder.file('stranger.bin'), stranger);
  for (const [name, bytes] of Object.entries(patches)) await writeFile(folder.file(`${name}.patch`), bytes);
});
afterEach(() => folder[Symbol.asyncDispose]());

const TARGET = () => ['--target-size', `${target.length}`, '--target-sha256', sha256Hex(target)];

/** Runs it, expects that it is refused with every file as it was, and tells how. */
async function refusal(...line: string[]): Promise<OtaError> {
  const before = await folder.state();
  const error = await applyPatch(parseOptions(line)!, AbortSignal.timeout(60_000)).then(
    () => undefined,
    (refused: unknown) => refused,
  );
  expect(error).toBeInstanceOf(OtaError);
  expect(await folder.state()).toEqual(before);
  return error as OtaError;
}

const toFile = (format: string, patch: string, base: string, out = 'made.bin') => [
  ...['--format', format, '--patch', patch.startsWith('/') ? patch : folder.file(patch)],
  ...['--base', folder.file(base), '--out', folder.file(out), ...TARGET()],
];
const inPlace = (slot: string) => [
  ...['--in-place', '--patch', folder.file('in-place.patch'), '--out', folder.file(slot), ...TARGET()],
];

describe('a base that the applier was told nothing of', () => {
  test.each<Coder>(['mix', 'lzma', 'brotli', 'none'])(
    'and that is another one of the same size is named as what may be wrong, packed with %s',
    async (coder) => {
      const error = await refusal(...toFile('otad', `${coder}.patch`, 'stranger.bin'));
      expect(error).toMatchObject({ code: 'PATCH_INVALID', exitCode: 4 });
      expect(error.message).toContain('stranger.bin was not checked and may be another base');
      expect(deviceAdvice(error)[0]).toContain('Add --base-sha256');
    },
  );

  test('is named too where the image comes out wrong', async () => {
    const error = await refusal(...toFile('bsdf2', BSDF2, 'stranger.bin'));
    expect(error).toMatchObject({ code: 'TARGET_MISMATCH', exitCode: 4 });
    expect(error.message).toContain('stranger.bin was not checked and may be another base');
  });

  test('and that has another size is the wrong one', async () => {
    await writeFile(folder.file('long.bin'), Buffer.concat([old, Buffer.of(0)]));
    const error = await refusal(...toFile('otad', 'mix.patch', 'long.bin'));
    expect(error).toMatchObject({ code: 'BASE_MISMATCH', exitCode: 5 });
    expect(error.message).toContain(`has ${old.length + 1} bytes, the patch needs a base of ${old.length}`);
  });

  test('is no excuse once its hash was told, and a spoilt byte of the patch is found all the same', async () => {
    const spoilt = Buffer.from(patches.none!);
    spoilt[spoilt.length - 1]! ^= 1; // an extra byte, which every decoder takes as it is
    await writeFile(folder.file('spoilt.patch'), spoilt);
    const error = await refusal(...toFile('otad', 'spoilt.patch', 'old.bin'), '--base-sha256', sha256Hex(old));
    expect(error).toMatchObject({ code: 'TARGET_MISMATCH', exitCode: 4 });
    expect(error.message).not.toContain('not checked');
  });

  test('is above suspicion once its hash was told', async () => {
    await writeFile(folder.file('cut.patch'), patches.lzma!.subarray(0, 600));
    const error = await refusal(...toFile('otad', 'cut.patch', 'old.bin'), '--base-sha256', sha256Hex(old));
    expect(error).toMatchObject({ code: 'PATCH_INVALID' });
    expect(error.message).not.toContain('not checked');
  });
});

describe('a patch of another kind is called what it is', () => {
  test.each<[given: string, format: string, patch: string, fact: string]>([
    ['bsdf2', 'otad', BSDF2, 'not an otad patch but a bsdf2 patch'],
    ['otad', 'bsdf2', 'lzma.patch', 'not a bsdf2 patch but an otad patch'],
    ['otad', 'bsdiff40', 'lzma.patch', 'not a bsdiff40 patch but an otad patch'],
    ['a package', 'otad', 'app.ota', 'not an otad patch but a package'],
    ['a package', 'bsdf2', 'app.ota', 'not a bsdf2 patch but a package'],
  ])('%s given as %s', async (_, format, patch, fact) => {
    const header = Buffer.alloc(1024);
    header.write('metadata.json');
    await writeFile(folder.file('app.ota'), header);
    const error = await refusal(...toFile(format, patch, 'old.bin'));
    expect(error).toMatchObject({ code: 'PATCH_INVALID', message: expect.stringContaining(fact) });
    expect(deviceAdvice(error)).toHaveLength(1);
  });
});

test('what to do next names no command that a device lacks', async () => {
  await writeFile(folder.file('cut.patch'), patches.lzma!.subarray(0, 600));
  const error = await refusal(...toFile('otad', 'cut.patch', 'old.bin'), '--base-sha256', sha256Hex(old));
  expect(error.suggestions.join()).toContain('`ota ');
  expect(deviceAdvice(error).join()).not.toContain('`ota ');
  expect(deviceAdvice(error)).not.toHaveLength(0);
});

describe('an output that cannot become a file', () => {
  test('as it is a folder', async () => {
    const error = await refusal(...toFile('otad', 'lzma.patch', 'old.bin', '.'));
    expect(error).toMatchObject({ exitCode: 6 });
    expect(error.message).not.toContain('already exists');
  });

  test.each([
    ['a file', 'old.bin', 'to-file'],
    ['a device without blocks', '/dev/null', 'to-null'],
  ])('as it is a symbolic link to %s', async (_, leadsTo, name) => {
    await symlink(leadsTo, folder.file(name));
    const error = await refusal(...toFile('otad', 'lzma.patch', 'old.bin', name));
    expect(error).toMatchObject({ code: 'OUTPUT_SYMLINK' });
  });
});

describe('in place, a file that holds another image stays as long as it was', () => {
  test('when an update is to go on that never began', async () => {
    const error = await refusal(...inPlace('stranger.bin'), '--resume');
    expect(error).toMatchObject({ message: expect.stringContaining('is another base than the patch was made for') });
  });

  test('when the hash of the wrong image was told', async () => {
    const error = await refusal(...inPlace('stranger.bin'), '--base-sha256', sha256Hex(stranger));
    expect(error).toMatchObject({ message: expect.stringContaining('is another base than the patch was made for') });
  });

  test('and grows with the first block that is right', async () => {
    const line = [...inPlace('old.bin'), '--base-sha256', sha256Hex(old)];
    await applyPatch(parseOptions(line)!, AbortSignal.timeout(60_000));
    const made = await readFile(folder.file('old.bin'));
    expect(made.subarray(0, target.length).equals(target)).toBe(true);
    expect(made.length % BLOCK_BYTES).toBe(0);
  });
});

describe('a patch that was cut on its way', () => {
  test.each<[what: string, line: () => string[]]>([
    ['in place', () => [...inPlace('old.bin'), '--base-sha256', sha256Hex(old)]],
    ['to a file', () => toFile('otad', 'in-place.patch', 'old.bin')],
  ])('is refused before anything is written where its hash was told, %s', async (_, line) => {
    await writeFile(folder.file('in-place.patch'), patches['in-place']!.subarray(0, 2000));
    const error = await refusal(...line(), '--patch-sha256', sha256Hex(patches['in-place']!));
    expect(error).toMatchObject({ code: 'PAYLOAD_MISMATCH', exitCode: 4 });
  });
});
