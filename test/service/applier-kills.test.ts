import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../src/lib/core/sha256.js';
import { createDelta } from '../../src/lib/delta/create-delta.js';
import type { DeltaFormat } from '../../src/lib/delta/formats.js';
import { realFirmware } from '../support/firmware.js';
import { type TestFolder, testFolder } from '../support/folder.js';
import { killApplierAt, runApplier } from '../support/standalone-applier.js';

const BLOCK = 4096;
const kills: Record<string, number> = {};
let folder: TestFolder;
let old: Buffer;
let target: Buffer;

beforeAll(async () => {
  folder = await testFolder();
  const { old: before, new: after } = await realFirmware('primehub');
  // Parts that change places, so that the order and the stash of an update in place matter.
  old = Buffer.concat([before, before.subarray(0, 40_000)]);
  target = Buffer.concat([after.subarray(200_000), after.subarray(0, 200_000), after.subarray(0, 37_000)]);
  await writeFile(folder.file('old.bin'), old);
  await writeFile(folder.file('new.bin'), target);
  for (const format of ['otad', 'otad-inplace', 'bsdf2'] as const) await makePatch(format);
});

afterAll(async () => {
  console.log(`dist/apply.mjs: ${JSON.stringify(kills)}`);
  await folder[Symbol.asyncDispose]();
});

async function makePatch(format: DeltaFormat): Promise<void> {
  const inPlace = { blockBytes: BLOCK, spaceBytes: 8 * BLOCK };
  const [basePath, targetPath, outPath] = [folder.file('old.bin'), folder.file('new.bin'), folder.file(format)];
  await createDelta({ format, basePath, targetPath, outPath, ...(format === 'otad-inplace' ? { inPlace } : {}) });
}

function args(format: DeltaFormat, out: string): string[] {
  const inPlace = ['--in-place', '--base-sha256', sha256Hex(old)];
  const where = format === 'otad-inplace' ? inPlace : ['--format', format, '--base', folder.file('old.bin')];
  const what = ['--patch', folder.file(format), '--out', out];
  return [...where, ...what, '--target-size', `${target.length}`, '--target-sha256', sha256Hex(target)];
}

/** Every call in turn, and from the eighth on every `step`th, until a run ends before it is killed. */
async function killEverywhere(
  syscall: string,
  step: number,
  attempt: (when: number) => Promise<boolean>,
): Promise<number> {
  let count = 0;
  for (let when = 1; ; when += when < 8 ? 1 : step) {
    if (!(await attempt(when))) return count;
    count++;
    kills[syscall] = (kills[syscall] ?? 0) + 1;
  }
}

describe.each(['otad', 'bsdf2'] as const)('dist/apply.mjs makes a file from a %s patch', (format) => {
  test.each(['pwrite64', 'fsync', 'ftruncate', 'rename'])('though it is killed at calls of %s', async (syscall) => {
    const out = folder.file(`${format}.bin`);
    const count = await killEverywhere(syscall, 1, async (when) => {
      const killed = await killApplierAt(syscall, when, [...args(format, out), '--resume']);
      const partly = await readFile(out).catch(() => undefined);
      if (partly !== undefined) expect(partly.equals(target)).toBe(true);
      const resumed = await runApplier([...args(format, out), '--resume']);
      expect(resumed, `${syscall} ${when}`).toMatchObject({ status: 0 });
      expect((await readFile(out)).equals(target)).toBe(true);
      await rm(out);
      return killed;
    });
    expect(count).toBeGreaterThan(0);
  });
});

test.each(['pwrite64', 'fsync'])(
  'dist/apply.mjs updates in place though it is killed at calls of %s',
  async (syscall) => {
    const slot = folder.file('slot.bin');
    const count = await killEverywhere(syscall, 11, async (when) => {
      await copyFile(folder.file('old.bin'), slot);
      const killed = await killApplierAt(syscall, when, args('otad-inplace', slot));
      const again = await killApplierAt(syscall, 3, [...args('otad-inplace', slot), '--resume']);
      const resumed = await runApplier([...args('otad-inplace', slot), '--resume']);
      expect(resumed, `${syscall} ${when}, and again: ${again}`).toMatchObject({ status: 0 });
      expect((await readFile(slot)).subarray(0, target.length).equals(target)).toBe(true);
      return killed;
    });
    expect(count).toBeGreaterThan(10);
  },
);
