import { readFile, rm, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDelta } from '../../src/lib/delta/create-delta.js';
import type { CreateDeltaOptions } from '../../src/lib/delta/formats.js';
import { MACHINES } from '../../src/lib/delta/predict/address-space.js';
import { applyInC, compileApplier } from '../support/c-applier.js';
import { realFirmware } from '../support/firmware.js';
import { type TestFolder, testFolder } from '../support/folder.js';
import { forcedModes } from '../support/forced-modes.js';
import { mutate, mutations } from '../support/mutations.js';

/** Mutants of each of the patches below. */
const MUTANTS = 500;

// Debian's firmware for virtual machines
const OVMF = ['/usr/share/OVMF/OVMF_CODE_4M.secboot.fd', '/usr/share/OVMF/OVMF_CODE_4M.fd'] as const;

let folder: TestFolder;
const apply = (patch: string, made = 'made.bin') =>
  applyInC(folder.file('apply'), folder.file('old.bin'), folder.file(patch), folder.file(made));

beforeAll(async () => {
  folder = await testFolder();
  await compileApplier(folder.file('apply'));
});
afterAll(() => folder[Symbol.asyncDispose]());

async function patchOf(images: { old: Uint8Array; new: Uint8Array }, choices: Partial<CreateDeltaOptions>) {
  await writeFile(folder.file('old.bin'), images.old);
  await writeFile(folder.file('new.bin'), images.new);
  await rm(folder.file('patch'), { force: true });
  const paths = { basePath: folder.file('old.bin'), targetPath: folder.file('new.bin'), outPath: folder.file('patch') };
  await createDelta({ format: 'otad', ...paths, ...choices });
}

const KINDS: [name: string, Partial<CreateDeltaOptions>][] = [
  ['stored', { coder: 'none' }],
  ['packed with lzma', { coder: 'lzma' }],
  ['packed with mix', { coder: 'mix' }],
  ['for one slot, packed with lzma', { format: 'otad-inplace', coder: 'lzma', inPlace: { blockBytes: 4096 } }],
  ['for one slot, stored', { format: 'otad-inplace', coder: 'none', inPlace: { blockBytes: 16_384 } }],
];

describe('the applier in C, written from the format document', () => {
  describe.each(KINDS)('makes the new image from a patch %s', (_, choices) => {
    test.each(['movehub', 'primehub'] as const)('of %s', async (hub) => {
      const images = await realFirmware(hub);
      await patchOf(images, choices);
      expect(await apply('patch')).toBe('made');
      expect((await readFile(folder.file('made.bin'))).equals(images.new)).toBe(true);
    });

    test('of movehub, back to the older release', async () => {
      const images = await realFirmware('movehub');
      await patchOf({ old: images.new, new: images.old }, choices);
      expect(await apply('patch')).toBe('made');
      expect((await readFile(folder.file('made.bin'))).equals(images.old)).toBe(true);
    });
  });

  test('makes firmware for virtual machines', async () => {
    const images = { old: await readFile(OVMF[0]), new: await readFile(OVMF[1]) };
    await patchOf(images, { coder: 'lzma', effort: 'fast' });
    expect(await apply('patch')).toBe('made');
    expect((await readFile(folder.file('made.bin'))).equals(images.new)).toBe(true);
  });

  describe.each(MACHINES)('predicts as the document says, for machine %s', (machine) => {
    test.each(['none', 'lzma', 'mix'] as const)('in all modes, with coder %s', async (coder) => {
      for (let seed = 1; seed <= 8; seed++) {
        const { old, target, patch } = await forcedModes(machine, coder, seed);
        await writeFile(folder.file('old.bin'), old);
        await writeFile(folder.file('patch'), patch);
        expect([seed, await apply('patch')]).toEqual([seed, 'made']);
        expect((await readFile(folder.file('made.bin'))).equals(target)).toBe(true);
      }
    });
  });

  test.each(KINDS)('makes nothing wrong of a changed patch %s', async (_, choices) => {
    const images = await realFirmware('movehub');
    await patchOf(images, choices);
    const patch = await readFile(folder.file('patch'));
    await fc.assert(
      fc.asyncProperty(mutations, async (changes) => {
        await writeFile(folder.file('mutant'), mutate(patch, changes));
        await rm(folder.file('made.bin'), { force: true });
        const outcome = await apply('mutant');
        if (outcome === 'made') expect((await readFile(folder.file('made.bin'))).equals(images.new)).toBe(true);
        else expect(outcome).toBe('refused');
      }),
      { numRuns: MUTANTS },
    );
  });
});
