import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { createDelta } from '../../../src/lib/delta/create-delta.js';
import { explainPatch, type PatchExplanation } from '../../../src/lib/delta/explain-patch.js';
import { CODERS, type Coder, type DeltaFormat } from '../../../src/lib/delta/formats.js';
import { patchFormat } from '../../../src/lib/delta/patch-format.js';
import { writeRealFirmware } from '../../support/firmware.js';
import { type TestFolder, testFolder } from '../../support/folder.js';

let folder: TestFolder;
let base: Uint8Array;
const patches = new Map<string, Uint8Array>();

async function make(name: string, format: DeltaFormat, coder?: Coder): Promise<void> {
  const paths = { basePath: folder.file('old.bin'), targetPath: folder.file('new.bin'), outPath: folder.file(name) };
  await createDelta({ format, ...paths, ...(coder && { coder }), effort: 'fast' });
  patches.set(name, await readFile(folder.file(name)));
}

beforeAll(async () => {
  folder = await testFolder();
  await writeRealFirmware(folder.path, 'movehub');
  base = await readFile(folder.file('old.bin'));
  await make('bsdf2', 'bsdf2');
  for (const coder of CODERS) await make(coder, 'otad', coder);
});
afterAll(() => folder[Symbol.asyncDispose]());

const access = (name: string) => memoryAccess(patches.get(name)!, name);
const explain = (name: string, old: Uint8Array | undefined = base): Promise<PatchExplanation> =>
  explainPatch(name === 'bsdf2' ? 'bsdf2' : 'otad', access(name), {
    ...(old && { base: memoryAccess(old, 'old.bin') }),
  });

describe('explainPatch', () => {
  test.each(['bsdf2', ...CODERS])('accounts for every byte of patch and image: %s', async (name) => {
    const { size, targetBytes, streams, coveredBytes, shares } = await explain(name);
    expect(targetBytes).toBe(102_432);
    const { equalBytes, predictedBytes, differingBytes, addedBytes } = shares!;
    expect(equalBytes + predictedBytes + differingBytes).toBe(coveredBytes);
    expect(coveredBytes + addedBytes).toBe(targetBytes);
    expect(equalBytes).toBeGreaterThan(0.8 * targetBytes);
    expect(size).toBe(patches.get(name)!.length);
    const packed = streams.reduce((sum, { packedBytes }) => sum + packedBytes, 0);
    expect(size - packed).toBeGreaterThan(0);
    expect(size - packed).toBeLessThan(64);
  });

  test('finds the same image made from the same pieces, however they are packed', async () => {
    const [first, ...others] = await Promise.all(CODERS.map((name) => explain(name)));
    for (const { covers, coveredBytes, shares, prediction } of others) {
      expect({ covers, coveredBytes, shares, prediction }).toEqual({
        covers: first!.covers,
        coveredBytes: first!.coveredBytes,
        shares: first!.shares,
        prediction: first!.prediction,
      });
    }
    expect(first!.prediction!.machine).toBe('thumb');
    expect(first!.shares!.predictedBytes).toBeGreaterThan(0);
  });

  test('tells no shares of an otad patch without the old image', async () => {
    const { shares, covers } = await explainPatch('otad', access('lzma'));
    expect(shares).toBeUndefined();
    expect(covers).toBe((await explain('lzma')).covers);
  });

  test('refuses another old image instead of counting what it makes of it', async () => {
    const other = Buffer.from(base).fill(7, 100, 20_000);
    await expect(explain('mix', other)).rejects.toMatchObject({ code: 'PATCH_INVALID' });
    await expect(explain('mix', base.subarray(1))).rejects.toMatchObject({ code: 'PATCH_INVALID' });
  });

  test('refuses a patch that is cut', async () => {
    for (const [name, patch] of patches) {
      const format = name === 'bsdf2' ? 'bsdf2' : 'otad';
      const cut = memoryAccess(patch.subarray(0, patch.length - 20), 'cut');
      const explaining = explainPatch(format, cut, { base: memoryAccess(base, 'old.bin') });
      // bsdf2 does not read its last stream
      if (name !== 'bsdf2') await expect(explaining, name).rejects.toMatchObject({ code: 'PATCH_INVALID' });
      else await explaining;
    }
  });
});

describe('patchFormat', () => {
  test('knows patches by how they begin, and takes nothing else for one', async () => {
    expect(await patchFormat(access('bsdf2'))).toBe('bsdf2');
    expect(await patchFormat(access('mix'))).toBe('otad');
    for (const text of ['', 'B', 'metadata.json', 'BSDIFF41']) {
      expect(await patchFormat(memoryAccess(Buffer.from(text), 'x'))).toBeUndefined();
    }
    await expect(patchFormat(memoryAccess(Buffer.from('OTAD\u0009'), 'x'))).rejects.toMatchObject({
      code: 'PATCH_INVALID',
    });
  });
});
